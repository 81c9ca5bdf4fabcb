#include "server/redis_remote.h"

#include <hiredis/hiredis.h>

#include "base/check.h"

namespace server {
namespace {

constexpr int kDepthMax = 8;  // of arrays in arrays; what is asked here has two

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};

RedisReply value_of(const redisReply& reply, int depth = 0) {
  RedisReply value;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      value = {.kind = RedisReply::Kind::kText, .text = std::string(reply.str, reply.len)};
      break;
    case REDIS_REPLY_ERROR:
      value = {.kind = RedisReply::Kind::kError, .text = std::string(reply.str, reply.len)};
      break;
    case REDIS_REPLY_INTEGER:
      value = {.kind = RedisReply::Kind::kInteger, .integer = reply.integer};
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = RedisReply::Kind::kArray;
      for (std::size_t i = 0; i < reply.elements && depth < kDepthMax; ++i)
        value.elements.push_back(value_of(*reply.element[i], depth + 1));
      break;
    default:
      break;
  }
  return value;
}

timeval patience() {
  return {.tv_sec = kRedisPatienceMs / 1000, .tv_usec = (kRedisPatienceMs % 1000) * 1000};
}

}  // namespace

base::Result<std::unique_ptr<RedisRemote>> RedisRemote::connect(const RedisUrl& url) {
  redisContext* const context = redisConnectWithTimeout(url.host.c_str(), url.port, patience());
  if (context == nullptr)
    return base::fail(base::Code::kLimit, "no memory for a connection to Redis");
  std::unique_ptr<RedisRemote> remote(new RedisRemote(context));
  if (context->err != 0) return remote->failed();
  redisSetTimeout(context, patience());
  redisEnableKeepAlive(context);
  TRY(remote->log_in(url));
  return remote;
}

RedisRemote::~RedisRemote() { redisFree(context_); }

base::Result<> RedisRemote::log_in(const RedisUrl& url) {
  if (!url.password.empty()) {
    TRY(url.user.empty() ? ask({"AUTH", url.password}) : ask({"AUTH", url.user, url.password}));
  }
  if (url.database != 0) TRY(ask({"SELECT", fmt::to_string(url.database)}));
  return {};
}

void RedisRemote::add(std::span<const std::string_view> words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    starts.push_back(word.data());
    sizes.push_back(word.size());
  }
  const int added =
      redisAppendCommandArgv(context_, static_cast<int>(words.size()), starts.data(), sizes.data());
  CHECK(added == REDIS_OK, "a command is put behind the others");
  ++waiting_;
}

base::Result<RedisReply> RedisRemote::next() {
  CHECK(waiting_ > 0, "an answer is outstanding");
  void* got = nullptr;
  if (redisGetReply(context_, &got) != REDIS_OK) return failed();
  const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(got));
  --waiting_;
  return value_of(*reply);
}

base::Result<std::vector<RedisReply>> RedisRemote::all() {
  std::vector<RedisReply> replies;
  while (waiting_ > 0) replies.push_back(TRY(next()));
  return replies;
}

base::Result<RedisReply> RedisRemote::ask(std::initializer_list<std::string_view> words) {
  add(words);
  RedisReply reply = std::move(TRY(all()).back());
  if (reply.kind == RedisReply::Kind::kError)
    return base::fail(base::Code::kInvalid, "Redis refuses {}: {}", *words.begin(), reply.text);
  return reply;
}

std::unexpected<base::Error> RedisRemote::failed() const {
  return base::fail(base::Code::kUnavailable, "Redis does not answer: {}",
                    std::string_view(context_->errstr));
}

}  // namespace server
