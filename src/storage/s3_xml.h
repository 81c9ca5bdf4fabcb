// The XML and dates of S3's answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/object_store.h"

namespace storage {

struct S3Error {
  std::string code;  // "NoSuchKey"; empty when the body is no S3 error
  std::string message;
  std::string region = {};  // that the bucket is in, where another one was asked
};
S3Error parse_s3_error(std::string_view body);

struct ListPage {
  std::vector<ObjectInfo> objects;    // whole keys of the bucket
  std::vector<std::string> prefixes;  // each ends in '/'
  std::string next_token;             // empty: the last page
};
// Of ListObjectsV2 with encoding-type=url. kUnavailable when it is something else.
base::Result<ListPage> parse_list_page(std::string_view body);
// The UploadId of CreateMultipartUpload's answer; kUnavailable when it has none.
base::Result<std::string> parse_upload_id(std::string_view body);
// The body of CompleteMultipartUpload: etags by part number, from 1.
std::string print_completion(const std::vector<std::string>& etags);

// "Mon, 23 Nov 2026 11:00:00 GMT" (RFC 9110 IMF-fixdate) in microseconds.
std::optional<base::TimestampUs> parse_http_date(std::string_view text);

}  // namespace storage
