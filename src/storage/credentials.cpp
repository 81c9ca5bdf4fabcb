#include "storage/credentials.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "base/percent.h"

namespace storage {
namespace {

constexpr std::int64_t kRenewBeforeUs = 5 * 60 * base::kUsPerSecond;
constexpr std::int64_t kMetadataTimeoutMs = 1'000;
constexpr std::int64_t kStsTimeoutMs = 10'000;
constexpr const char* kMetadataAddress = "http://169.254.169.254";
constexpr const char* kContainerAddress = "http://169.254.170.2";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

// The JSON that containers and instances answer.
std::optional<Credentials> parse_keys(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto field = [&](const char* name) {
    const auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  Credentials keys{.access_key_id = field("AccessKeyId"),
                   .secret_access_key = field("SecretAccessKey"),
                   .session_token = field("Token")};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  if (const auto expires = base::parse_timestamp(field("Expiration"))) keys.expires_us = *expires;
  return keys;
}

base::Result<std::string> ask(HttpClient& http, const HttpRequest& request) {
  auto answer = TRY(http.send(request));
  if (answer.status != 200) {
    return base::fail(base::Code::kUnavailable, "{} answered {}: {}", request.url, answer.status,
                      answer.body.substr(0, 300));
  }
  return std::move(answer.body);
}

}  // namespace

CredentialWorld real_world(HttpClient& http, const base::Clock& clock) {
  return {.http = http,
          .clock = clock,
          .disk = base::posix_file_system(),
          .variable = [](const std::string& name) -> std::optional<std::string> {
            const char* const value = std::getenv(name.c_str());
            if (value == nullptr || *value == '\0') return std::nullopt;
            return value;
          }};
}

CredentialWorld with_profile(CredentialWorld world, const std::string& profile) {
  world.variable = [variable = std::move(world.variable), profile](const std::string& name) {
    const bool hidden = name == "AWS_ACCESS_KEY_ID" || name == "AWS_SECRET_ACCESS_KEY" ||
                        name == "AWS_SESSION_TOKEN" || name == "AWS_WEB_IDENTITY_TOKEN_FILE";
    if (hidden) return std::optional<std::string>();
    return name == "AWS_PROFILE" ? std::optional(profile) : variable(name);
  };
  return world;
}

std::map<std::string, std::string> ini_section(std::string_view text, std::string_view section) {
  std::map<std::string, std::string> values;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      inside = line.back() == ']' && trim(line.substr(1, line.size() - 2)) == section;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!inside || equals == std::string_view::npos) continue;
    values[std::string(trim(line.substr(0, equals)))] = std::string(trim(line.substr(equals + 1)));
  }
  return values;
}

base::Result<Credentials> CredentialChain::credentials() {
  const std::scoped_lock lock(mutex_);
  const bool fresh = cached_ && (cached_->expires_us == 0 ||
                                 cached_->expires_us - kRenewBeforeUs > world_.clock.now_us());
  if (!fresh) {
    auto found = find();
    // Keys that still hold are better than none.
    if (!found && cached_ && cached_->expires_us > world_.clock.now_us()) return *cached_;
    cached_ = TRY(std::move(found));
  }
  return *cached_;
}

void CredentialChain::expire() {
  const std::scoped_lock lock(mutex_);
  cached_.reset();
}

base::Result<Credentials> CredentialChain::find() {
  if (auto keys = of_environment()) return *std::move(keys);
  if (auto keys = TRY(of_web_identity())) return *std::move(keys);
  if (auto keys = of_profile()) return *std::move(keys);
  if (auto keys = TRY(of_container())) return *std::move(keys);
  std::string why;
  auto instance = of_instance();
  if (instance && *instance) return **std::move(instance);
  if (!instance) why = " (" + instance.error().message + ")";
  return base::fail_with(
      base::Code::kNotFound,
      fmt::format("there are no credentials for S3: looked at AWS_ACCESS_KEY_ID, "
                  "AWS_WEB_IDENTITY_TOKEN_FILE, profile \"{}\", the container's and the instance's "
                  "metadata{}",
                  profile(), why),
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
}

std::optional<std::string> CredentialChain::region() const {
  if (auto region = world_.variable("AWS_REGION")) return region;
  if (auto region = world_.variable("AWS_DEFAULT_REGION")) return region;
  const auto section = profile_section();
  const auto it = section.find("region");
  return it == section.end() ? std::nullopt : std::optional(it->second);
}

std::optional<Credentials> CredentialChain::of_environment() const {
  const auto id = world_.variable("AWS_ACCESS_KEY_ID");
  const auto secret = world_.variable("AWS_SECRET_ACCESS_KEY");
  if (!id || !secret) return std::nullopt;
  return Credentials{.access_key_id = *id,
                     .secret_access_key = *secret,
                     .session_token = variable_or("AWS_SESSION_TOKEN", "")};
}

// AssumeRoleWithWebIdentity of AWS's Security Token Service; not signed.
base::Result<std::optional<Credentials>> CredentialChain::of_web_identity() const {
  const auto file = world_.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto role = world_.variable("AWS_ROLE_ARN");
  if (!file || !role) return std::nullopt;
  const std::string token = TRY(base::read_file(world_.disk, *file, 64UL << 10));
  const std::string endpoint =
      variable_or("AWS_ENDPOINT_URL_STS",
                  fmt::format("https://sts.{}.amazonaws.com", region().value_or("us-east-1")));
  const std::string body = fmt::format(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}"
      "&WebIdentityToken={}",
      base::percent_encode(*role, base::kUnreserved),
      base::percent_encode(variable_or("AWS_ROLE_SESSION_NAME", "waybill"), base::kUnreserved),
      base::percent_encode(trim(token), base::kUnreserved));
  const std::string text =
      TRY(ask(world_.http, {.method = "POST",
                            .url = endpoint + "/",
                            .headers = {{"content-type", "application/x-www-form-urlencoded"}},
                            .body = body,
                            .timeout_ms = kStsTimeoutMs}));
  pugi::xml_document document;
  document.load_string(text.c_str());
  const auto keys = document.child("AssumeRoleWithWebIdentityResponse")
                        .child("AssumeRoleWithWebIdentityResult")
                        .child("Credentials");
  Credentials found{.access_key_id = keys.child_value("AccessKeyId"),
                    .secret_access_key = keys.child_value("SecretAccessKey"),
                    .session_token = keys.child_value("SessionToken")};
  if (found.access_key_id.empty() || found.secret_access_key.empty()) {
    return base::fail(base::Code::kUnavailable, "{} answered without credentials", endpoint);
  }
  if (const auto expires = base::parse_timestamp(keys.child_value("Expiration")))
    found.expires_us = *expires;
  return found;
}

std::string CredentialChain::profile() const {
  return variable_or("AWS_PROFILE", variable_or("AWS_DEFAULT_PROFILE", "default"));
}

std::string CredentialChain::variable_or(const std::string& name,
                                         const std::string& otherwise) const {
  return world_.variable(name).value_or(otherwise);
}

// What ~/.aws/config and, stronger, ~/.aws/credentials say about the profile.
std::map<std::string, std::string> CredentialChain::profile_section() const {
  const std::string home = variable_or("HOME", "/root") + "/.aws/";
  const std::string name = profile();
  const auto section_of = [&](const std::string& path, const std::string& section) {
    const auto text = base::read_file(world_.disk, path, 1UL << 20);
    return text ? ini_section(*text, section) : std::map<std::string, std::string>();
  };
  auto values = section_of(variable_or("AWS_SHARED_CREDENTIALS_FILE", home + "credentials"), name);
  values.merge(section_of(variable_or("AWS_CONFIG_FILE", home + "config"),
                          name == "default" ? name : "profile " + name));
  return values;
}

std::optional<Credentials> CredentialChain::of_profile() const {
  auto section = profile_section();
  Credentials keys{.access_key_id = section["aws_access_key_id"],
                   .secret_access_key = section["aws_secret_access_key"],
                   .session_token = section["aws_session_token"]};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return keys;
}

base::Result<std::optional<Credentials>> CredentialChain::of_container() const {
  const auto relative = world_.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = world_.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative && !full) return std::nullopt;
  HttpRequest request{.method = "GET",
                      .url = relative ? kContainerAddress + *relative : *full,
                      .timeout_ms = kMetadataTimeoutMs};
  if (const auto file = world_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    request.headers["authorization"] = trim(TRY(base::read_file(world_.disk, *file, 64UL << 10)));
  } else if (const auto token = world_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
    request.headers["authorization"] = *token;
  }
  return parse_keys(TRY(ask(world_.http, request)));
}

// Version 2 of the instance metadata service: a token first, then the role's keys.
base::Result<std::optional<Credentials>> CredentialChain::of_instance() const {
  if (variable_or("AWS_EC2_METADATA_DISABLED", "false") == "true") return std::nullopt;
  const std::string address = variable_or("AWS_EC2_METADATA_SERVICE_ENDPOINT", kMetadataAddress);
  const std::string token =
      TRY(ask(world_.http, {.method = "PUT",
                            .url = address + "/latest/api/token",
                            .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                            .timeout_ms = kMetadataTimeoutMs}));
  const std::string folder = address + "/latest/meta-data/iam/security-credentials/";
  const auto get = [&](const std::string& url) {
    return ask(world_.http, {.method = "GET",
                             .url = url,
                             .headers = {{"x-aws-ec2-metadata-token", token}},
                             .timeout_ms = kMetadataTimeoutMs});
  };
  const std::string roles = TRY(get(folder));
  const std::string role(trim(std::string_view(roles).substr(0, roles.find('\n'))));
  if (role.empty()) return std::nullopt;
  return parse_keys(TRY(get(folder + role)));
}

}  // namespace storage
