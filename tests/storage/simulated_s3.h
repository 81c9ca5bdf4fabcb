// An S3 server in memory behind HttpClient, with failures as the network and S3 have them.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/http_client.h"

namespace storage {

class SimulatedS3 final : public HttpClient {
 public:
  enum class Fault {
    kNone,
    kNoAnswerBefore,  // the request never arrived
    kNoAnswerAfter,   // it took effect, its answer was lost
    kNoAnswerLate,    // it takes effect when the caller has given it up, a few requests later
    kCut,             // the connection ended in the middle of the answer's body
    kSlowDown,        // 503 without effect
    kSlowDownAfter,   // 500 although it took effect
    kConflict,        // 409 ConditionalRequestConflict without effect
    kExpiredToken,
    kWrongEtag,  // it took effect, but the answer names another ETag
  };
  // What happens to the next request; asked once for each.
  std::function<Fault(const HttpRequest&)> fault = [](const HttpRequest&) { return Fault::kNone; };
  bool honours_conditions = true;
  std::size_t page_keys = 1000;  // of one listing

  base::Result<HttpAnswer> send(const HttpRequest& request) override;
  // What is still under way takes effect now.
  void land_late_requests();

  std::map<std::string, std::string> objects;  // "bucket/key" -> data
  int requests = 0;

 private:
  HttpAnswer serve(const HttpRequest& request);
  HttpAnswer put(const HttpRequest& request, const std::string& path,
                 const std::map<std::string, std::string>& query);
  HttpAnswer post(const HttpRequest& request, const std::string& path,
                  const std::map<std::string, std::string>& query);
  HttpAnswer list(const std::string& bucket, const std::map<std::string, std::string>& query) const;

  struct Late {
    HttpRequest request;
    std::string body;
    int requests_left = 0;
  };
  void land(Late& late);

  std::mutex mutex_;
  std::vector<Late> late_;
  std::map<std::string, std::map<int, std::string>> uploads_;
};

}  // namespace storage
