#include "server/http_message.h"

#include <algorithm>
#include <charconv>

namespace server {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return "";
}

std::string Request::query_or(const std::string& name, const std::string& otherwise) const {
  const auto at = query.find(name);
  return at == query.end() ? otherwise : at->second;
}

base::Result<std::size_t> Request::count_or(const std::string& name, std::size_t otherwise,
                                            std::size_t max) const {
  const auto at = query.find(name);
  if (at == query.end()) return otherwise;
  const std::string& text = at->second;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > max) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("{}={} is not a number that fits", name, text),
                           fmt::format("give a whole number from 1 to {}", max));
  }
  return value;
}

Response json_response(const nlohmann::json& json) {
  return {.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Response problem(int status, const base::Error& error, const nlohmann::json& more) {
  nlohmann::json document = {{"type", "about:blank"},
                             {"title", reason_phrase(status)},
                             {"status", status},
                             {"detail", error.message},
                             {"mend", error.mend}};
  if (!error.file.empty()) document["file"] = error.file;
  if (error.line > 0) document["line"] = error.line;
  if (more.is_object()) document.update(more);
  Response response = json_response(document);
  response.status = status;
  response.content_type = "application/problem+json";
  return response;
}

Response problem(int status, std::string detail, std::string mend) {
  return problem(status, base::Error{.message = std::move(detail), .mend = std::move(mend)});
}

Response problem(const base::Error& error) { return problem(status_of(error.code), error); }

Response too_many_requests(std::string detail) {
  Response response =
      problem(429, std::move(detail), "wait a second and send the same request again");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

int status_of(base::Code code) {
  switch (code) {
    case base::Code::kInvalid:
      return 400;
    case base::Code::kNotFound:
      return 404;
    case base::Code::kAlreadyExists:
      return 409;
    case base::Code::kConflict:
      return 409;
    case base::Code::kUnavailable:
      return 503;
    case base::Code::kLimit:
      return 413;
    case base::Code::kIo:
      return 500;
    case base::Code::kCorrupt:
      return 500;
    case base::Code::kUnsupported:
      return 501;
    case base::Code::kCancelled:
      return 503;
  }
  return 500;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Error";
  }
}

}  // namespace server
