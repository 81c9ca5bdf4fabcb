// A request and its answer, as the handlers see them: no sockets, no Beast.
//
// Threads: values; a Request stays alive until its answer is given.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace server {

enum class Method : std::uint8_t { kGet, kPost, kPut, kDelete, kOther };  // HEAD counts as GET

struct Request {
  Method method = Method::kGet;
  std::string path;                          // decoded
  std::vector<std::string> segments;         // of the path, decoded one by one
  std::map<std::string, std::string> query;  // decoded
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string body;
  std::vector<std::string> captured;  // what the route's {…} parts matched

  // The value of a header, in any case of its name; "" when it is not there.
  std::string_view header(std::string_view name) const;
  // A whole number between 1 and `max` from the query; kInvalid when it is none.
  base::Result<std::size_t> count_or(const std::string& name, std::size_t otherwise,
                                     std::size_t max) const;
  std::string query_or(const std::string& name, const std::string& otherwise) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool close = false;  // the connection cannot go on (the body was not read)
};

using Done = std::function<void(Response)>;

Response json_response(const nlohmann::json& json);

// A problem document (RFC 9457). `more` may add members such as "errors".
Response problem(int status, const base::Error& error, const nlohmann::json& more = {});
Response problem(int status, std::string detail, std::string mend);
// The status is the one of the error's code.
Response problem(const base::Error& error);

// "too busy", with Retry-After.
Response too_many_requests(std::string detail);

int status_of(base::Code code);
std::string_view reason_phrase(int status);

}  // namespace server
