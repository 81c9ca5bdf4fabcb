// The calls of Amazon S3 that a lake needs, over any server that speaks its REST API.
// Source: Amazon S3 API reference (GetObject, PutObject, HeadObject, DeleteObject, ListObjectsV2,
// CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload).
//
// Every call is signed, and tried again with full jitter (Retry-After wins) until the deadline, for
// what may pass: no answer, 408, 429, 5xx, conflicting conditional requests. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/credentials.h"
#include "storage/http_client.h"
#include "storage/object_store.h"

namespace storage {

struct S3Location {
  std::string bucket;
  std::string prefix = {};    // without '/' at either end; may be empty
  std::string endpoint = {};  // "http://127.0.0.1:9000"; empty: AWS
  std::string region = {};    // empty: of the credentials' place, else us-east-1
  bool path_style = false;    // http://host/bucket/key instead of http://bucket.host/key
};
// "s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1&path_style=true". A custom
// endpoint is path style unless it says otherwise. kInvalid names the part that is wrong.
base::Result<S3Location> parse_s3_url(std::string_view url);

struct S3Options {
  std::int64_t deadline_us = 60 * base::kUsPerSecond;  // of one call with all its tries
  std::int64_t first_pause_us = 50'000;
  std::int64_t pause_max_us = 10 * base::kUsPerSecond;
  std::int64_t try_timeout_ms = 30'000;
  std::size_t part_bytes = 16UL << 20;  // of multipart uploads
  std::size_t multipart_from_bytes = 32UL << 20;
  std::size_t threads = 4;  // of one upload or download of many objects
};

// What retrying needs of the world; tests have their own.
struct RetryWorld {
  const base::Clock& clock;
  std::function<void(std::int64_t)> sleep_us;
  std::function<double()> random;  // [0, 1)
};
RetryWorld real_retry_world(const base::Clock& clock);

class S3Client {
 public:
  S3Client(HttpClient& http, CredentialChain& credentials, RetryWorld world, S3Location location,
           S3Options options);

  // Keys are relative to the location's prefix.
  base::Result<std::string> get(const std::string& key);
  // Into a file from byte 0; the number of bytes.
  base::Result<std::uint64_t> download(const std::string& key, base::File& into);
  base::Result<> put(const std::string& key, std::string_view data);
  // kAlreadyExists when somebody else's object is there. An answer that was lost is cleared up by
  // reading the object back: data that are this call's own count as success, so they must be unique
  // (a Delta commit has its txnId). kUnavailable: not known to exist.
  base::Result<> put_if_absent(const std::string& key, std::string_view data);
  // The whole file: one PUT, or parts when it is large.
  base::Result<> upload(const std::string& key, const base::File& file);
  base::Result<> remove(const std::string& key);
  base::Result<ObjectInfo> head(const std::string& key);
  base::Result<std::vector<ObjectInfo>> list(const std::string& prefix,
                                             const std::string& start_after);
  // The parts between `prefix` and the next '/', each once.
  base::Result<std::vector<std::string>> folders(const std::string& prefix);
  // kUnsupported when the server takes no notice of If-None-Match: two writers would overwrite each
  // other's commits. Writes and removes a small object.
  base::Result<> check_conditional_writes();

  const S3Options& options() const { return options_; }
  std::string describe(const std::string& key) const;  // "s3://bucket/prefix/key"

 private:
  struct Call {
    std::string method;
    std::string key;  // whole key in the bucket; empty: the bucket
    std::vector<std::pair<std::string, std::string>> query = {};
    std::map<std::string, std::string> headers = {};
    std::string_view body = {};
    base::File* into = nullptr;
  };
  struct Outcome {
    HttpAnswer answer;
    bool ambiguous = false;  // an earlier try had no answer or a 5xx: it may have taken effect
  };

  base::Result<Outcome> perform(const Call& call);
  base::Result<HttpAnswer> try_once(const Call& call, const Credentials& credentials);
  HttpRequest signed_request(const Call& call, const Credentials& credentials);
  base::Error error_of(const Call& call, const HttpAnswer& answer) const;
  std::string whole_key(const std::string& key) const;
  base::Result<> upload_parts(const std::string& key, const base::File& file, std::uint64_t size);
  base::Result<std::string> upload_part(const std::string& key, const base::File& file,
                                        const std::string& upload_id, std::uint64_t number,
                                        std::uint64_t size);
  struct Listing {
    std::vector<ObjectInfo> objects;
    std::vector<std::string> prefixes;
  };
  base::Result<Listing> list_all(const std::string& prefix, const std::string& start_after,
                                 bool by_folder);

  HttpClient& http_;
  CredentialChain& credentials_;
  const RetryWorld world_;
  const S3Location location_;
  const S3Options options_;
  std::string region_;
  std::string scheme_and_host_;
  std::string host_;
};

}  // namespace storage
