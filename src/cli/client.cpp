#include "cli/client.h"

#include <curl/curl.h>
#include <signal.h>
#include <unistd.h>

namespace cli {
namespace {

std::size_t append(char* data, std::size_t size, std::size_t count, void* into) {
  static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

base::Path run_file(const base::Path& data) { return data / "waybill.json"; }

// The problem document of docs/http-api.md as an error.
base::Error error_of(long status, const std::string& body) {
  const auto problem = nlohmann::json::parse(body, nullptr, false);
  base::Error error{.code = status == 404   ? base::Code::kNotFound
                            : status >= 500 ? base::Code::kUnavailable
                                            : base::Code::kInvalid};
  if (!problem.is_object()) {
    error.message = fmt::format("the server answered {}: {}", status, body.substr(0, 200));
    return error;
  }
  error.message = problem.value("detail", problem.value("title", std::string("unknown problem")));
  error.mend = problem.value("mend", std::string());
  error.file = problem.value("file", std::string());
  error.line = problem.value("line", 0);
  return error;
}

}  // namespace

base::Result<> write_run_file(const base::Path& data, const RunFile& run) {
  const nlohmann::json json{{"pid", run.pid},
                            {"http", run.http},
                            {"postgres", run.postgres},
                            {"kafka", run.kafka},
                            {"registry", run.registry}};
  return base::write_file_durably(base::posix_file_system(), run_file(data), json.dump() + "\n");
}

// With several workers the file is that of the one that started last.
void remove_run_file(const base::Path& data) {
  const auto text = base::read_file(base::posix_file_system(), run_file(data));
  const auto run = text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!run.is_object() || run.value("pid", 0) != ::getpid()) return;
  static_cast<void>(base::posix_file_system().remove(run_file(data)));
}

Client::~Client() {
  if (listener_) listener_->stop();
}

base::Result<std::unique_ptr<Client>> Client::connect(const base::Path& folder) {
  Project project = TRY(load_project(folder));
  std::unique_ptr<Client> client(new Client());
  if (const auto text = base::read_file(base::posix_file_system(), run_file(project.data))) {
    const auto run = nlohmann::json::parse(*text, nullptr, false);
    if (run.is_object() && ::kill(run.value("pid", 0), 0) == 0) {
      client->url_ = run.value("http", std::string());
      return client;
    }
  }
  project.worker = "command";
  client->platform_ = TRY(Platform::open(std::move(project)));
  client->listener_ = TRY(
      server::HttpListener::start(*client->platform_, client->clock_, {.address = "127.0.0.1:0"}));
  client->url_ = fmt::format("http://127.0.0.1:{}", client->listener_->port());
  return client;
}

base::Result<nlohmann::json> Client::call(const std::string& path, const std::string* body) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, (url_ + path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_slist* headers = nullptr;
  if (body != nullptr) {
    headers = curl_slist_append(headers, "Content-Type: application/json");
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body->c_str());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  curl_slist_free_all(headers);
  if (code != CURLE_OK) {
    return base::fail_with(base::Code::kUnavailable,
                           fmt::format("{} does not answer: {}", url_, curl_easy_strerror(code)),
                           "is 'waybill up' still running?");
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return std::unexpected(error_of(status, answer));
  return nlohmann::json::parse(answer, nullptr, false);
}

base::Result<nlohmann::json> Client::get(const std::string& path) { return call(path, nullptr); }

base::Result<nlohmann::json> Client::post(const std::string& path, const nlohmann::json& body) {
  const std::string text = body.dump();
  return call(path, &text);
}

}  // namespace cli
