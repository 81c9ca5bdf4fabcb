// The commands' way to a running Waybill: its HTTP door. Where none runs, the project is opened for
// the length of the command and served on a free port, so that both ways are one.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/platform.h"

namespace cli {

class Client {
 public:
  // Talks to the running Waybill of the project, or opens the project itself.
  static base::Result<std::unique_ptr<Client>> connect(const base::Path& project);
  ~Client();

  base::Result<nlohmann::json> get(const std::string& path);
  base::Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body);

 private:
  Client() = default;
  base::Result<nlohmann::json> call(const std::string& path, const std::string* body);

  std::string url_;
  std::unique_ptr<Platform> platform_;
  std::unique_ptr<server::HttpListener> listener_;
  base::SystemClock clock_;
};

// DATA/waybill.json: what a running Waybill says of itself.
struct RunFile {
  int pid = 0;
  std::string http;      // http://127.0.0.1:8080
  std::string postgres;  // 127.0.0.1:5433
  std::string kafka;     // 127.0.0.1:9092; empty: it does not listen
  std::string registry;  // http://127.0.0.1:8081; empty: it does not listen
};
base::Result<> write_run_file(const base::Path& data, const RunFile& run);
void remove_run_file(const base::Path& data);

}  // namespace cli
