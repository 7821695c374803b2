#include "core/base/job_protocol.h"

#include "core/base/provenance.h"

namespace hilum::protocol {

Json message(std::string_view kind, Json fields)
{
    fields["kind"] = kind;
    fields["time"] = utcNow();
    return fields;
}

Result<std::string> kindOf(const Json& message)
{
    const auto it = message.find("kind");
    if (it == message.end() || !it->is_string())
        return fail(ErrorCode::Protocol, "a message without a kind: {}", jsonLine(message).substr(0, 120));
    if (const auto spoken = message.find("protocol"); *it == Hello && spoken != message.end()) {
        if (!spoken->is_number_integer())
            return fail(ErrorCode::Protocol, "the protocol of a hello is no whole number: {}", jsonLine(*spoken).substr(0, 120));
        if (spoken->get<double>() > Version)
            return fail(ErrorCode::Protocol, "the worker speaks protocol {}, this program only {}", jsonLine(*spoken), Version);
    }
    return it->get<std::string>();
}

Json errorMessage(const Error& error, Json fields)
{
    fields["code"] = static_cast<int>(error.code);
    fields["name"] = name(error.code);
    fields["message"] = error.message;
    fields["reason"] = error.reason;
    fields["details"] = error.details;
    fields["context"] = error.context;
    return message(Failed, std::move(fields));
}

Error errorFrom(const Json& m)
{
    Error error;
    const auto text = [&](const char* key) {
        const auto it = m.find(key);
        return it != m.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    const auto list = [&](const char* key) {
        std::vector<std::string> out;
        if (const auto it = m.find(key); it != m.end() && it->is_array())
            for (const Json& item : *it)
                if (item.is_string())
                    out.push_back(item.get<std::string>());
        return out;
    };
    if (const auto it = m.find("code"); it != m.end() && it->is_number_integer()) {
        const auto code = it->get<std::int64_t>();
        if (code >= static_cast<int>(ErrorCode::Internal) && code <= static_cast<int>(ErrorCode::Empty))
            error.code = static_cast<ErrorCode>(code);
    }
    error.message = text("message");
    if (error.message.empty())
        error.message = "the worker failed without saying why";
    error.reason = text("reason");
    error.details = list("details");
    error.context = list("context");
    return error;
}

} // namespace hilum::protocol
