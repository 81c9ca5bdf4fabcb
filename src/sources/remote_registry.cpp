#include "sources/remote_registry.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

namespace sources {
namespace {

using nlohmann::json;

constexpr long kTimeoutMs = 5'000;
constexpr std::size_t kReferenceDepthMax = 32;
constexpr std::chrono::milliseconds kFirstPause{100};

std::size_t append(char* data, std::size_t size, std::size_t count, void* into) {
  auto& text = *static_cast<std::string*>(into);
  if (text.size() + size * count > kRemoteAnswerMax) return 0;
  text.append(data, size * count);
  return size * count;
}

class RemoteRegistry final : public schema::SchemaLookup {
 public:
  explicit RemoteRegistry(std::string url) : url_(std::move(url)) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  base::Result<schema::ResolvedSchema> by_id(std::int32_t id) const override {
    {
      const std::scoped_lock lock(mutex_);
      if (const auto known = by_id_.find(id); known != by_id_.end()) return known->second;
    }
    schema::ResolvedSchema resolved = TRY(guarded<schema::ResolvedSchema>(
        [&] { return resolve_at(fmt::format("/schemas/ids/{}", id)); }));
    const std::scoped_lock lock(mutex_);
    if (by_id_.size() >= kRemoteSchemasMax) by_id_.clear();
    by_id_[id] = resolved;
    return resolved;
  }

  base::Result<std::vector<schema::ResolvedSchema>> versions(
      const std::string& subject) const override {
    return guarded<std::vector<schema::ResolvedSchema>>([&] { return versions_of(subject); });
  }

 private:
  // An answer of another shape than the API's.
  template <class T, class Body>
  static base::Result<T> guarded(const Body& body) {
    try {
      return body();
    } catch (const json::exception& error) {
      return base::fail_with(base::Code::kInvalid,
                             fmt::format("the schema registry's answer: {}", error.what()),
                             "is 'registry' the address of a schema registry?");
    }
  }

  base::Result<schema::ResolvedSchema> resolve_at(const std::string& path) const {
    const json answer = TRY(get(path));
    return resolve(answer);
  }

  base::Result<std::vector<schema::ResolvedSchema>> versions_of(const std::string& subject) const {
    std::vector<schema::ResolvedSchema> out;
    const auto numbers = get(fmt::format("/subjects/{}/versions", escaped(subject)));
    if (!numbers && numbers.error().code == base::Code::kNotFound) return out;
    if (!numbers) return std::unexpected(numbers.error());
    for (const json& number : *numbers) {
      out.push_back(TRY(resolve_at(
          fmt::format("/subjects/{}/versions/{}", escaped(subject), number.get<int>()))));
    }
    return out;
  }

  static std::string escaped(const std::string& text) {
    const std::unique_ptr<char, void (*)(void*)> made(
        curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), curl_free);
    return made == nullptr ? std::string() : std::string(made.get());
  }

  base::Result<schema::ResolvedSchema> resolve(const json& answer) const {
    schema::ResolvedSchema out;
    out.type = TRY(schema::parse_schema_type(answer.value("schemaType", std::string("AVRO"))));
    out.text = answer.value("schema", std::string());
    TRY(add_references(answer, out, 0));
    return out;
  }

  base::Result<> add_references(const json& answer, schema::ResolvedSchema& out,
                                std::size_t depth) const {
    if (depth > kReferenceDepthMax)
      return base::fail_with(base::Code::kInvalid,
                             fmt::format("a schema's references go in a circle, or deeper than {}",
                                         kReferenceDepthMax),
                             "register schemas so that none refers to itself");
    for (const json& reference : answer.value("references", json::array())) {
      const std::string name = reference.value("name", std::string());
      const bool known =
          std::ranges::any_of(out.references, [&](const auto& had) { return had.first == name; });
      if (known) continue;
      if (out.references.size() >= schema::kReferencesMax)
        return base::fail(base::Code::kLimit, "a schema with more than {} references",
                          schema::kReferencesMax);
      const json inner = TRY(get(fmt::format("/subjects/{}/versions/{}",
                                             escaped(reference.value("subject", std::string())),
                                             reference.value("version", 0))));
      TRY(add_references(inner, out, depth + 1));
      out.references.emplace_back(name, inner.value("schema", std::string()));
    }
    return {};
  }

  base::Result<json> get(const std::string& path) const {
    std::string problem;
    auto pause = kFirstPause;
    for (int i = 0; i < kRemoteTries; ++i, pause *= 2) {
      if (i > 0) std::this_thread::sleep_for(pause);
      if (auto answer = try_get(path, problem)) return *std::move(answer);
    }
    return base::fail_with(base::Code::kUnavailable,
                           fmt::format("the schema registry {} does not answer: {}", url_, problem),
                           "is it running, and is 'registry' its address?");
  }

  // nullopt when another try may do better.
  std::optional<base::Result<json>> try_get(const std::string& path, std::string& problem) const {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    const std::string url = url_ + path;
    std::string text;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &text);
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kTimeoutMs);
    const CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status >= 500 || status == 429) {
      problem = code != CURLE_OK ? curl_easy_strerror(code) : fmt::format("status {}", status);
      return std::nullopt;
    }
    json answer = json::parse(text, nullptr, false);
    if (status == 404)
      return base::fail_with(base::Code::kNotFound,
                             fmt::format("{} is not known to the schema registry", path),
                             "register it before producing records with it");
    if (status != 200 || !answer.is_structured())
      return base::fail_with(base::Code::kInvalid,
                             fmt::format("{} answers {}: {}", url, status, text.substr(0, 200)),
                             "is 'registry' the address of a schema registry?");
    return answer;
  }

  std::string url_;
  mutable std::mutex mutex_;
  mutable std::map<std::int32_t, schema::ResolvedSchema> by_id_;
};

}  // namespace

std::shared_ptr<const schema::SchemaLookup> remote_registry(const std::string& url) {
  return std::make_shared<RemoteRegistry>(url);
}

}  // namespace sources
