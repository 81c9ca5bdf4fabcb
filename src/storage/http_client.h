// One HTTP request and its whole answer: the border between the S3 client and the network.
//
// Threads: any. The libcurl client keeps its connections open between requests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/result.h"

namespace storage {

struct HttpRequest {
  std::string method;
  std::string url;                                  // percent-encoded, sent as it stands
  std::map<std::string, std::string> headers = {};  // names in lower case
  std::string_view body = {};
  std::int64_t timeout_ms = 30'000;  // without progress; below 15 s: of the whole request
  std::size_t answer_bytes_max = 256UL << 20;
  base::File* into = nullptr;  // where a 2xx answer's body goes, from byte 0; else into `body`
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers = {};  // names in lower case
  std::string body = {};
  std::uint64_t bytes = 0;  // of the body, wherever it went
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // An answer of any status; kUnavailable when none came (the request may have taken effect);
  // kLimit for an answer that is too large; kIo when `into` cannot be written.
  virtual base::Result<HttpAnswer> send(const HttpRequest& request) = 0;
};

std::unique_ptr<HttpClient> curl_client();

}  // namespace storage
