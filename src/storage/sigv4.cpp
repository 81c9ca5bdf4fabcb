#include "storage/sigv4.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/check.h"
#include "base/percent.h"

namespace storage {
namespace {

constexpr std::string_view kInPaths = "-_.~/";

using Digest = std::array<unsigned char, 32>;

std::string hex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(digest.size() * 2);
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest hmac_sha256(std::string_view key, std::string_view data) {
  Digest digest{};
  unsigned int size = 0;
  const auto* done =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data(), &size);
  CHECK(done != nullptr && size == digest.size());
  return digest;
}

std::string canonical_query(const UnsignedRequest& request) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(request.query.size());
  for (const auto& [name, value] : request.query)
    encoded.emplace_back(base::percent_encode(name, base::kUnreserved),
                         base::percent_encode(value, base::kUnreserved));
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text += name + "=" + value;
  }
  return text;
}

// Without the spaces at both ends, and with runs of spaces as one.
std::string trimmed(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const bool space = c == ' ' || c == '\t';
    if (space && (text.empty() || text.back() == ' ')) continue;
    text += space ? ' ' : c;
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string signed_headers(const UnsignedRequest& request) {
  std::string names;
  for (const auto& [name, value] : request.headers) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string amz_date(base::TimestampUs now_us) {
  const std::time_t seconds = now_us / base::kUsPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  Digest digest{};
  unsigned int size = 0;
  CHECK(EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return hex(digest);
}

std::string request_target(const UnsignedRequest& request) {
  std::string target = base::percent_encode(request.path, kInPaths);
  const std::string query = canonical_query(request);
  return query.empty() ? target : target + "?" + query;
}

std::string canonical_request(const UnsignedRequest& request) {
  std::string headers;
  for (const auto& [name, value] : request.headers) headers += name + ":" + trimmed(value) + "\n";
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method,
                     base::percent_encode(request.path, kInPaths), canonical_query(request),
                     headers, signed_headers(request), request.payload_sha256);
}

void sign(UnsignedRequest& request, const Credentials& credentials, const SigningScope& scope,
          base::TimestampUs now_us) {
  const std::string date_time = amz_date(now_us);
  const std::string date = date_time.substr(0, 8);
  request.headers["x-amz-date"] = date_time;
  if (scope.service == "s3") request.headers["x-amz-content-sha256"] = request.payload_sha256;
  if (!credentials.session_token.empty())
    request.headers["x-amz-security-token"] = credentials.session_token;
  const std::string scope_text =
      fmt::format("{}/{}/{}/aws4_request", date, scope.region, scope.service);
  const std::string to_sign = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", date_time, scope_text,
                                          sha256_hex(canonical_request(request)));
  const Digest date_key = hmac_sha256("AWS4" + credentials.secret_access_key, date);
  const Digest region_key = hmac_sha256(view(date_key), scope.region);
  const Digest service_key = hmac_sha256(view(region_key), scope.service);
  const Digest signing_key = hmac_sha256(view(service_key), "aws4_request");
  request.headers["authorization"] =
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  credentials.access_key_id, scope_text, signed_headers(request),
                  hex(hmac_sha256(view(signing_key), to_sign)));
}

}  // namespace storage
