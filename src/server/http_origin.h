// Who may call: a page of another site must not reach this server through a visitor's browser.
//
// Host is checked on every API call (a foreign name that resolves to this machine is DNS
// rebinding), Origin on whatever changes something and on the WebSocket. Programs that are no
// browser send neither a foreign Host nor an Origin. Threads: values.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "server/http_message.h"

namespace server {

class OriginPolicy {
 public:
  // `hosts`: names besides the loopback's by which this server is called.
  explicit OriginPolicy(std::set<std::string> hosts) : hosts_(std::move(hosts)) {}

  // The refusal, or nullopt.
  std::optional<Response> check_host(const Request& request) const;
  std::optional<Response> check_origin(const Request& request) const;

 private:
  bool known(const std::string& host) const;

  std::set<std::string> hosts_;
};

}  // namespace server
