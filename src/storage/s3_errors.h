// What S3's error answers mean, with the mend.
// Source: Amazon S3 API reference, "Error responses".
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "storage/http_client.h"

namespace storage {

struct S3Question {
  std::string method;
  std::string bucket;
  std::string key;     // in the bucket; empty: the bucket itself
  std::string region;  // that the request was signed for
  base::TimestampUs now_us = 0;
};

// Whether a status may pass when the request is sent again.
bool is_passing(int status);

// kConflict: a multipart upload is not what the caller thinks, and must be made anew.
base::Error to_error(const S3Question& question, const HttpAnswer& answer);

}  // namespace storage
