#include "server/http_static.h"

#include <sys/stat.h>

#include <charconv>

#include "protocol/http/target.h"

namespace server {
namespace {

constexpr std::size_t kFileBytesMax = 512UL << 20;

// Scripts, styles and data from here alone; the map's worker comes from a blob.
constexpr std::string_view kContentPolicy =
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; child-src 'self' "
    "blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
    "'none'";

constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".geojson", "application/geo+json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".ttf", "font/ttf"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".pbf", "application/x-protobuf"},
};

std::string_view type_of(const std::string& extension) {
  for (const auto& [suffix, type] : kTypes) {
    if (extension == suffix) return type;
  }
  return "application/octet-stream";
}

constexpr std::string_view kNotBuilt = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Waybill</title></head>
<body><main><h1>Waybill is running</h1>
<p>The page is not built yet. Run <code>make build</code> in Waybill's folder and reload.</p>
<p>The API answers already: <a href="/v1/status">/v1/status</a>, <a href="/metrics">/metrics</a>.</p>
</main></body></html>
)";

void add_page_headers(Response& response) {
  response.headers.emplace_back("Content-Security-Policy", kContentPolicy);
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
}

// "bytes=first-last" as [first, end); nullopt for a form that may be ignored (RFC 9110
// section 14.2).
struct Range {
  std::size_t first;
  std::size_t end;
};
std::optional<Range> parse_range(std::string_view value, std::size_t size) {
  if (!value.starts_with("bytes=") || value.find(',') != std::string_view::npos)
    return std::nullopt;
  value.remove_prefix(6);
  const std::size_t dash = value.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view text, std::size_t& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc{} && end == text.data() + text.size();
  };
  const std::string_view last_text = value.substr(dash + 1);
  std::size_t first = 0;
  std::size_t last = size - 1;
  if (dash == 0) {  // the last n bytes
    if (!number(last_text, last)) return std::nullopt;
    return Range{.first = size - std::min(last, size), .end = size};
  }
  if (!number(value.substr(0, dash), first)) return std::nullopt;
  if (!last_text.empty() && (!number(last_text, last) || last < first)) return std::nullopt;
  return Range{.first = first, .end = std::min(last, size - 1) + 1};
}

void cut_range(const Request& request, Response& response) {
  const std::string_view value = request.header("Range");
  response.headers.emplace_back("Accept-Ranges", "bytes");
  if (value.empty() || response.body.empty()) return;
  const std::size_t size = response.body.size();
  const std::optional<Range> range = parse_range(value, size);
  if (!range) return;
  if (range->first >= range->end) {
    response.status = 416;
    response.body.clear();
    response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return;
  }
  response.status = 206;
  response.headers.emplace_back("Content-Range",
                                fmt::format("bytes {}-{}/{}", range->first, range->end - 1, size));
  response.body = response.body.substr(range->first, range->end - range->first);
}

}  // namespace

std::optional<base::Path> StaticFiles::resolve(const Request& request) const {
  std::error_code error;
  const base::Path root = std::filesystem::canonical(root_, error);
  if (error) return std::nullopt;
  base::Path path = root;
  for (const std::string& segment : request.segments) {
    if (segment == ".." ||
        segment.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      return std::nullopt;
    }
    if (!segment.empty()) path /= segment;
  }
  path = std::filesystem::canonical(path, error);
  if (error || !std::filesystem::is_regular_file(path, error)) return std::nullopt;
  const auto relative = path.lexically_relative(root);
  if (relative.empty() || *relative.begin() == "..") return std::nullopt;
  return path;
}

Response StaticFiles::get(const Request& request) const {
  std::optional<base::Path> path = resolve(request);
  const bool looks_like_file = base::Path(request.path).has_extension();
  if (!path && looks_like_file)
    return problem(404, "there is no such file", "look at /, or rebuild the page");
  std::error_code error;
  if (!path) path = root_ / "index.html";
  if (!std::filesystem::exists(*path, error)) {
    Response response{.content_type = "text/html; charset=utf-8", .body = std::string(kNotBuilt)};
    response.headers.emplace_back("Cache-Control", "no-store");
    add_page_headers(response);
    return response;
  }
  Response response{.content_type = std::string(type_of(path->extension().string()))};
  const bool named_by_content = request.segments.size() > 1 && request.segments.front() == "assets";
  response.headers.emplace_back(
      "Cache-Control", named_by_content ? "public, max-age=31536000, immutable" : "no-cache");
  base::Path zipped = *path;
  zipped += ".gz";
  if (std::filesystem::is_regular_file(zipped, error)) {
    response.headers.emplace_back("Vary", "Accept-Encoding");
    if (protocol::http::lists_token(request.header("Accept-Encoding"), "gzip") &&
        request.header("Range").empty()) {
      response.headers.emplace_back("Content-Encoding", "gzip");
      path = zipped;
    }
  }
  add_page_headers(response);

  struct stat status{};
  if (::stat(path->c_str(), &status) != 0)
    return problem(404, "there is no such file", "rebuild the page");
  const std::string tag = fmt::format("\"{:x}-{:x}{:09x}\"", status.st_size, status.st_mtim.tv_sec,
                                      status.st_mtim.tv_nsec);
  response.headers.emplace_back("ETag", tag);
  if (request.header("If-None-Match").find(tag) != std::string_view::npos) {
    response.status = 304;
    return response;
  }
  auto data = base::read_file(base::posix_file_system(), *path, kFileBytesMax);
  if (!data) return problem(data.error());
  response.body = std::move(*data);
  cut_range(request, response);
  return response;
}

}  // namespace server
