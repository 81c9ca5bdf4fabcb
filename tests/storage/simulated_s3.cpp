#include "storage/simulated_s3.h"

#include <fmt/format.h>

#include <pugixml.hpp>
#include <set>

namespace storage {
namespace {

std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string etag_of(std::string_view data) {
  return fmt::format("\"{:x}\"", std::hash<std::string_view>{}(data));
}

HttpAnswer error(int status, const std::string& code) {
  return {.status = status, .body = fmt::format("<Error><Code>{}</Code></Error>", code)};
}

}  // namespace

base::Result<HttpAnswer> SimulatedS3::send(const HttpRequest& request) {
  const std::scoped_lock lock(mutex_);
  ++requests;
  const auto no_answer = base::fail(base::Code::kUnavailable, "no answer");
  for (Late& late : late_) {
    if (--late.requests_left == 0) land(late);
  }
  std::erase_if(late_, [](const Late& late) { return late.requests_left <= 0; });
  switch (fault(request)) {
    case Fault::kNone:
      break;
    case Fault::kNoAnswerBefore:
      return no_answer;
    case Fault::kNoAnswerAfter:
      serve(request);
      return no_answer;
    case Fault::kNoAnswerLate:
      late_.push_back({request, std::string(request.body), 1 + requests % 4});
      return no_answer;
    case Fault::kCut: {
      HttpAnswer answer = serve(request);
      const auto half = std::as_bytes(std::span(answer.body.data(), answer.body.size() / 2));
      if (request.into != nullptr) static_cast<void>(request.into->write_at(0, half));
      return no_answer;
    }
    case Fault::kWrongEtag: {
      HttpAnswer answer = serve(request);
      if (answer.headers.contains("etag")) answer.headers["etag"] = "\"another\"";
      return answer;
    }
    case Fault::kSlowDown: {
      HttpAnswer answer = error(503, "SlowDown");
      answer.headers["retry-after"] = "1";
      return answer;
    }
    case Fault::kSlowDownAfter:
      serve(request);
      return error(500, "InternalError");
    case Fault::kConflict:
      return error(409, "ConditionalRequestConflict");
    case Fault::kExpiredToken:
      return error(403, "ExpiredToken");
  }
  HttpAnswer answer = serve(request);
  if (request.into != nullptr && answer.status / 100 == 2) {
    answer.bytes = answer.body.size();
    auto written =
        request.into->write_at(0, std::as_bytes(std::span(answer.body.data(), answer.body.size())));
    if (!written) return std::unexpected(written.error());
    answer.body.clear();
  }
  return answer;
}

void SimulatedS3::land(Late& late) {
  late.request.body = late.body;
  serve(late.request);
}

void SimulatedS3::land_late_requests() {
  const std::scoped_lock lock(mutex_);
  for (Late& late : std::exchange(late_, {})) land(late);
}

HttpAnswer SimulatedS3::serve(const HttpRequest& request) {
  const std::size_t host = request.url.find("://") + 3;
  const std::string target = request.url.substr(request.url.find('/', host) + 1);
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string path = decode(std::string_view(target).substr(0, question));
  std::map<std::string, std::string> query;
  std::string_view left = std::string_view(target).substr(std::min(question + 1, target.size()));
  while (!left.empty()) {
    const std::string_view pair = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(pair.size() + 1, left.size()));
    const std::size_t equals = pair.find('=');
    query[decode(pair.substr(0, equals))] = decode(pair.substr(equals + 1));
  }
  if (request.method == "PUT") return put(request, path, query);
  if (request.method == "POST") return post(request, path, query);
  if (request.method == "DELETE") {
    if (query.contains("uploadId"))
      return {.status = uploads_.erase(query["uploadId"]) > 0 ? 204 : 404};
    objects.erase(path);
    return {.status = 204};
  }
  if (query.contains("list-type")) return list(path.substr(0, path.find('/')), query);
  const auto it = objects.find(path);
  if (it == objects.end()) return error(404, "NoSuchKey");
  HttpAnswer answer{.status = 200};
  answer.headers = {{"content-length", std::to_string(it->second.size())},
                    {"last-modified", "Mon, 23 Nov 2026 11:00:00 GMT"}};
  if (request.method == "GET") answer.body = it->second;
  return answer;
}

HttpAnswer SimulatedS3::put(const HttpRequest& request, const std::string& path,
                            const std::map<std::string, std::string>& query) {
  if (const auto id = query.find("uploadId"); id != query.end()) {
    if (!uploads_.contains(id->second)) return error(404, "NoSuchUpload");
    uploads_[id->second][std::stoi(query.at("partNumber"))] = request.body;
    return {.status = 200, .headers = {{"etag", etag_of(request.body)}}};
  }
  const bool conditional = request.headers.contains("if-none-match");
  if (conditional && honours_conditions && objects.contains(path))
    return error(412, "PreconditionFailed");
  objects[path] = request.body;
  return {.status = 200, .headers = {{"etag", etag_of(request.body)}}};
}

HttpAnswer SimulatedS3::post(const HttpRequest& request, const std::string& path,
                             const std::map<std::string, std::string>& query) {
  if (query.contains("uploads")) {
    const std::string id = fmt::format("upload-{}", requests);
    uploads_[id] = {};
    return {.status = 200,
            .body = fmt::format("<InitiateMultipartUploadResult><UploadId>{}</UploadId>"
                                "</InitiateMultipartUploadResult>",
                                id)};
  }
  const auto upload = uploads_.find(query.at("uploadId"));
  if (upload == uploads_.end()) return error(404, "NoSuchUpload");
  pugi::xml_document document;
  document.load_buffer(request.body.data(), request.body.size());
  std::string whole;
  for (const auto part : document.child("CompleteMultipartUpload").children("Part")) {
    const auto data = upload->second.find(part.child("PartNumber").text().as_int());
    if (data == upload->second.end() || part.child_value("ETag") != etag_of(data->second))
      return error(400, "InvalidPart");
    whole += data->second;
  }
  objects[path] = whole;
  uploads_.erase(upload);
  return {.status = 200, .body = "<CompleteMultipartUploadResult/>"};
}

HttpAnswer SimulatedS3::list(const std::string& bucket,
                             const std::map<std::string, std::string>& query) const {
  const auto value = [&](const char* name) {
    const auto it = query.find(name);
    return it == query.end() ? std::string() : it->second;
  };
  const std::string prefix = value("prefix");
  const std::string after = std::max(value("start-after"), value("continuation-token"));
  const bool by_folder = value("delimiter") == "/";
  std::string xml = "<ListBucketResult><EncodingType>url</EncodingType>";
  std::set<std::string> folders;
  std::size_t count = 0;
  std::string last;
  bool truncated = false;
  for (const auto& [path, data] : objects) {
    if (!path.starts_with(bucket + "/")) continue;
    const std::string key = path.substr(bucket.size() + 1);
    if (!key.starts_with(prefix) || key <= after) continue;
    if (count == page_keys) {
      truncated = true;
      break;
    }
    ++count;
    last = key;
    const std::size_t slash = key.find('/', prefix.size());
    if (by_folder && slash != std::string::npos) {
      folders.insert(key.substr(0, slash + 1));
      continue;
    }
    std::string encoded;
    for (const char c : key)
      encoded += c == '=' || c == '+' || c == ' ' ? fmt::format("%{:02X}", c) : std::string(1, c);
    xml += fmt::format(
        "<Contents><Key>{}</Key><Size>{}</Size>"
        "<LastModified>2026-11-23T11:00:00.000Z</LastModified></Contents>",
        encoded, data.size());
  }
  for (const std::string& folder : folders)
    xml += fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", folder);
  xml += fmt::format("<IsTruncated>{}</IsTruncated>", truncated);
  if (truncated) xml += fmt::format("<NextContinuationToken>{}</NextContinuationToken>", last);
  return {.status = 200, .body = xml + "</ListBucketResult>"};
}

}  // namespace storage
