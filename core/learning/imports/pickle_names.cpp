#include "core/learning/imports/pickle_names.h"

#include <algorithm>
#include <array>

namespace hilum::learning::imports {

namespace {

struct Row {
    std::string_view module, name;
    PickleCall call;
};

constexpr Row Rows[] = {
    {"collections", "OrderedDict", PickleCall::OrderedMap},
    {"collections", "defaultdict", PickleCall::DefaultMap},
    {"torch._utils", "_rebuild_tensor_v2", PickleCall::Tensor},
    {"torch._utils", "_rebuild_tensor", PickleCall::Tensor},
    {"torch._utils", "_rebuild_parameter", PickleCall::FirstArgument},
    {"torch._utils", "_rebuild_parameter_with_state", PickleCall::FirstArgument},
    {"torch", "Size", PickleCall::Tuple},
    {"_codecs", "encode", PickleCall::Encode},
};

constexpr Row Plain[] = {
    {"", "dict", PickleCall::OrderedMap}, {"", "list", PickleCall::List}, {"", "tuple", PickleCall::Tuple},
    {"", "set", PickleCall::Set},         {"", "frozenset", PickleCall::Set},
};

// modules whose only use in a pickle is to run programs, load code or open connections
constexpr std::array<std::string_view, 20> RunningModules = {"posix", "nt", "subprocess", "_posixsubprocess", "sys", "importlib", "runpy", "pty", "commands", "code", "codeop",
    "socket", "shutil", "ctypes", "webbrowser", "marshal", "timeit", "pdb", "bdb", "cProfile"};
constexpr std::array<std::string_view, 12> RunningBuiltins = {"eval", "exec", "execfile", "compile", "__import__", "open", "file", "input", "raw_input", "breakpoint", "apply",
    "globals"};
constexpr std::array<std::string_view, 4> HarmlessOfOs = {"_Environ", "PathLike", "stat_result", "terminal_size"};

bool isBuiltins(std::string_view module) { return module == "builtins" || module == "__builtin__"; }

} // namespace

PickleCall pickleCall(std::string_view module, std::string_view name)
{
    const std::string_view package = module.substr(0, module.find('.'));
    // attributes of modules can be named with dots: ("builtins", "eval.__call__")
    const std::string_view first = name.substr(0, name.find('.'));
    if (std::ranges::contains(RunningModules, package))
        return PickleCall::Refuse;
    if (module == "os" && !std::ranges::contains(HarmlessOfOs, first))
        return PickleCall::Refuse;
    if (isBuiltins(module) && std::ranges::contains(RunningBuiltins, first))
        return PickleCall::Refuse;
    if ((package == "pickle" || package == "_pickle" || package == "dill" || package == "cloudpickle") && (first == "load" || first == "loads"))
        return PickleCall::Refuse;
    if (module == "torch.hub" || module == "torch.utils.cpp_extension" || (module == "torch" && first == "load"))
        return PickleCall::Refuse;
    if (module == "types" && (first == "FunctionType" || first == "CodeType" || first == "LambdaType"))
        return PickleCall::Refuse;
    for (const Row& row : Rows)
        if (row.module == module && row.name == name)
            return row.call;
    if (isBuiltins(module))
        for (const Row& row : Plain)
            if (row.name == name)
                return row.call;
    return PickleCall::Placeholder;
}

} // namespace hilum::learning::imports
