#include "base/result.h"

namespace base {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalid: return "invalid";
    case Code::kNotFound: return "not found";
    case Code::kAlreadyExists: return "already exists";
    case Code::kConflict: return "conflict";
    case Code::kUnavailable: return "unavailable";
    case Code::kLimit: return "limit exceeded";
    case Code::kIo: return "input/output error";
    case Code::kCorrupt: return "corrupt";
    case Code::kUnsupported: return "unsupported";
    case Code::kCancelled: return "cancelled";
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string text;
  if (!file.empty()) text += line > 0 ? fmt::format("{}:{}: ", file, line) : fmt::format("{}: ", file);
  text += message;
  if (!mend.empty()) text += fmt::format(". Mend: {}", mend);
  return text;
}

Error Error::in(std::string_view context) && {
  message = fmt::format("{}: {}", context, message);
  return std::move(*this);
}

Error Error::at(std::string_view where_file, int where_line) && {
  file = where_file;
  line = where_line;
  return std::move(*this);
}

std::unexpected<Error> fail_with(Code code, std::string message, std::string mend) {
  return std::unexpected(
      Error{.code = code, .message = std::move(message), .mend = std::move(mend)});
}

}  // namespace base
