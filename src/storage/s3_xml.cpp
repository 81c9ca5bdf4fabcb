#include "storage/s3_xml.h"

#include <fmt/format.h>

#include <ctime>
#include <pugixml.hpp>

#include "base/clock.h"

namespace storage {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What encoding-type=url did: '+' is a space, as in forms.
std::string url_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                        hex_digit(text[i + 2]) >= 0;
    if (escape) {
      decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

bool load(pugi::xml_document& document, std::string_view body) {
  return static_cast<bool>(document.load_buffer(body.data(), body.size()));
}

}  // namespace

S3Error parse_s3_error(std::string_view body) {
  pugi::xml_document document;
  if (!load(document, body)) return {};
  const auto error = document.child("Error");
  return {.code = error.child_value("Code"),
          .message = error.child_value("Message"),
          .region = error.child_value("Region")};
}

base::Result<ListPage> parse_list_page(std::string_view body) {
  pugi::xml_document document;
  const bool loaded = load(document, body);
  const auto result = document.child("ListBucketResult");
  if (!loaded || !result) {
    return base::fail(base::Code::kUnavailable, "the listing of a bucket is no ListBucketResult");
  }
  const bool encoded = std::string_view(result.child_value("EncodingType")) == "url";
  const auto key_of = [encoded](const char* text) {
    return encoded ? url_decode(text) : std::string(text);
  };
  ListPage page;
  for (const auto contents : result.children("Contents")) {
    ObjectInfo object{.key = key_of(contents.child_value("Key")),
                      .size = contents.child("Size").text().as_ullong()};
    const auto modified = base::parse_timestamp(contents.child_value("LastModified"));
    if (modified) object.modified_us = *modified;
    page.objects.push_back(std::move(object));
  }
  for (const auto common : result.children("CommonPrefixes"))
    page.prefixes.push_back(key_of(common.child_value("Prefix")));
  if (result.child("IsTruncated").text().as_bool())
    page.next_token = result.child_value("NextContinuationToken");
  return page;
}

base::Result<std::string> parse_upload_id(std::string_view body) {
  pugi::xml_document document;
  if (load(document, body)) {
    std::string id = document.child("InitiateMultipartUploadResult").child_value("UploadId");
    if (!id.empty()) return id;
  }
  return base::fail(base::Code::kUnavailable,
                    "the answer to CreateMultipartUpload has no UploadId");
}

std::string print_completion(const std::vector<std::string>& etags) {
  std::string xml = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etags[i]);
  }
  return xml + "</CompleteMultipartUpload>";
}

std::optional<base::TimestampUs> parse_http_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  if (strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
  return static_cast<base::TimestampUs>(timegm(&parts)) * base::kUsPerSecond;
}

}  // namespace storage
