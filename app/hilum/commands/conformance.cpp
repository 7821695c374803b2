#include "app/hilum/commands/command.h"
#include "core/base/paths.h"
#include "core/imaging/conformance.h"

namespace hilum::commands {

Run declareConformance(CLI::App& verb)
{
    verb.description("the DICOM conformance statement, from the program's own tables");
    verb.group(""); // for those who change the tables: not in the list of commands
    auto out = std::make_shared<std::string>();
    verb.add_option("--out", *out, "file to write instead of standard output");
    return [out]() -> Status {
        const std::string text = imaging::conformanceStatement();
        if (!out->empty())
            return writeFileAtomically(*out, text);
        print(text);
        return {};
    };
}

} // namespace hilum::commands
