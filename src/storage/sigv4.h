// AWS Signature Version 4: the Authorization header of one request.
// Source: AWS, "Create a signed AWS API request" (General Reference) and the S3 API reference,
// "Authenticating Requests: Using the Authorization Header".
//
// Pure: the time and the credentials come in.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace storage {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token = {};    // empty: long-lived keys
  base::TimestampUs expires_us = 0;  // 0: never
};

struct SigningScope {
  std::string region;   // "eu-central-1"
  std::string service;  // "s3", "sts"
};

// What is signed. Path and query are not yet percent-encoded.
struct UnsignedRequest {
  std::string method;
  std::string path;  // begins with '/'
  std::vector<std::pair<std::string, std::string>> query = {};
  std::map<std::string, std::string> headers = {};  // names in lower case; "host" is among them
  std::string payload_sha256 = {};                  // hex, or "UNSIGNED-PAYLOAD"
};

std::string sha256_hex(std::string_view data);

// The encoded path and query as they must stand in the request line: what is signed is what is
// sent.
std::string request_target(const UnsignedRequest& request);
// The canonical request; apart from signing only for tests.
std::string canonical_request(const UnsignedRequest& request);

// Adds x-amz-date, x-amz-content-sha256 (for S3), x-amz-security-token and authorization to the
// headers. Everything in `headers` is signed.
void sign(UnsignedRequest& request, const Credentials& credentials, const SigningScope& scope,
          base::TimestampUs now_us);

}  // namespace storage
