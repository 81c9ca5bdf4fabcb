// How a session begins: encryption asked for, the start-up message, the log-in.
#include <algorithm>

#include "protocol/postgres/session.h"

namespace protocol::postgres {
namespace {

// Settings in the "options" start-up parameter: "-c name=value --name=value", blanks escaped by
// "\".
std::vector<std::pair<std::string, std::string>> read_options(const std::string& options) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i] == ' ') {
      words.emplace_back();
    } else {
      if (options[i] == '\\' && i + 1 < options.size()) ++i;
      words.back().push_back(options[i]);
    }
  }
  std::vector<std::pair<std::string, std::string>> settings;
  for (std::string_view word : words) {
    if (word == "-c") continue;
    if (word.starts_with("-c") || word.starts_with("--")) word.remove_prefix(2);
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    auto name = lower(word.substr(0, equals));
    std::replace(name.begin(), name.end(), '-', '_');
    settings.emplace_back(std::move(name), word.substr(equals + 1));
  }
  return settings;
}

// SASLInitialResponse: the mechanism, a length and the data.
base::Result<std::string_view> initial_response(std::string_view message) {
  constexpr std::string_view kMechanism("SCRAM-SHA-256\0", 14);
  if (!message.starts_with(kMechanism) || message.size() < kMechanism.size() + 4) {
    return base::fail_with(base::Code::kInvalid, "no log-in by SCRAM-SHA-256",
                           "connect with a client that speaks SCRAM-SHA-256");
  }
  return message.substr(kMechanism.size() + 4);
}

}  // namespace

void Session::handle_before_start(FrontendMessage& message, std::string& out) {
  if (login_) {
    if (const auto* password = std::get_if<Password>(&message)) return log_in(*password, out);
    return fail_fatally(
        make_error("08P01", "the log-in is not over", "answer the server's challenge"), out);
  }
  if (const auto* startup = std::get_if<Startup>(&message)) return start(*startup, out);
  if (const auto* cancel = std::get_if<CancelRequest>(&message)) {
    cancel_request_ = *cancel;
    closed_ = true;
    return;
  }
  out.push_back('N');  // no encryption; the client goes on in the clear or leaves
}

Answer<> Session::apply_startup_parameters(const Startup& startup, std::string& out) {
  std::vector<std::string> unknown;
  std::string notice;
  for (const auto& [name, value] : startup.parameters) {
    if (name == "user" || name == "database" || name == "replication") continue;
    if (name.starts_with("_pq_.")) {
      unknown.push_back(name);
      continue;
    }
    auto settings = name == "options"
                        ? read_options(value)
                        : std::vector<std::pair<std::string, std::string>>{{lower(name), value}};
    for (const auto& [setting, wanted] : settings) {
      if (auto set = settings_.set(setting, wanted, notice); !set) return set;
    }
  }
  if (startup.minor > 0 || !unknown.empty())
    BackendEncoder(out).negotiate_protocol_version(0, unknown);
  return {};
}

void Session::start(const Startup& startup, std::string& out) {
  const auto parameter = [&](const char* name) {
    const auto found = startup.parameters.find(name);
    return found == startup.parameters.end() ? std::string() : found->second;
  };
  const auto user = parameter("user");
  if (user.empty()) {
    return fail_fatally(
        make_error("28000", "no user name in the startup message", "connect with a user name"),
        out);
  }
  const auto replication = lower(parameter("replication"));
  if (!replication.empty() && replication != "false" && replication != "off" &&
      replication != "0") {
    return fail_fatally(make_error("0A000", "replication connections are not served",
                                   "connect without replication"),
                        out);
  }
  if (access_.encryption_required && !encrypted_) {
    return fail_fatally(make_error("28000", "this server takes encrypted connections only",
                                   "connect with sslmode=require"),
                        out);
  }
  settings_.put("session_authorization", user);
  settings_.put("waybill.versions", "");
  if (!access_.users) return open_engine(startup, out);
  // Who it is must be proved first.
  login_.emplace(startup, ScramExchange(user, access_.users(user), scram_nonce()));
  decoder_.set_trusted(false);
  BackendEncoder(out).authentication_sasl();
}

// The two messages of a SCRAM log-in.
void Session::log_in(const Password& message, std::string& out) {
  const bool first = !login_->begun;
  login_->begun = true;
  base::Result<std::string> answer;
  if (first) {
    const auto data = initial_response(message.data);
    answer = data ? login_->exchange.first(*data) : std::unexpected(data.error());
  } else {
    answer = login_->exchange.last(message.data);
  }
  if (!answer) {
    refused_ = true;
    if (answer.error().code != base::Code::kNotFound) {
      return fail_fatally(make_error("08P01", answer.error().message, answer.error().mend), out);
    }
    const auto user = settings_.get("session_authorization").value_or("");
    return fail_fatally(
        make_error("28P01", "password authentication failed for user \"" + user + "\"",
                   "check the user and the password; users are in waybill.yaml"),
        out);
  }
  BackendEncoder encoder(out);
  if (first) return encoder.authentication_sasl_continue(*answer);
  encoder.authentication_sasl_final(*answer);
  const Startup startup = std::move(login_->startup);
  login_.reset();
  decoder_.set_trusted(true);
  open_engine(startup, out);
}

void Session::open_engine(const Startup& startup, std::string& out) {
  auto engine = open_engine_(startup);
  if (!engine) return fail_fatally(engine.error(), out);
  if ((*engine)->may_write(settings_.get("session_authorization").value_or(""))) {
    settings_.put("default_transaction_read_only", "off");
    settings_.put("transaction_read_only", "off");
  }
  if (auto applied = apply_startup_parameters(startup, out); !applied) {
    return fail_fatally(applied.error(), out);
  }
  settings_.keep_as_defaults();
  if (auto applied = (*engine)->apply(settings_); !applied)
    return fail_fatally(applied.error(), out);
  engine_ = std::move(*engine);
  BackendEncoder encoder(out);
  encoder.authentication_ok();
  for (const auto& name : Settings::reported()) {
    encoder.parameter_status(Settings::reported_name(name), settings_.get(name).value_or(""));
  }
  encoder.backend_key_data(key_.process_id, key_.secret_key);
  encoder.ready_for_query(status_);
}

}  // namespace protocol::postgres
