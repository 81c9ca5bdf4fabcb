#include "server/kafka_connection.h"

#include <boost/asio/as_tuple.hpp>
#include <cstring>

#include "base/logging.h"

namespace server {
namespace {

using std::chrono::steady_clock;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kLengthBytes = 4;
constexpr std::int32_t kHeaderBytesMin = 8;  // key, version, correlation id
constexpr std::size_t kSendBytesMax = 8UL << 20;
constexpr std::size_t kSlowestBytesPerSecond = 64UL << 10;

std::int32_t read_length(const std::byte* bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    value = (value << 8U) | std::to_integer<std::uint32_t>(bytes[i]);
  return static_cast<std::int32_t>(value);
}

steady_clock::time_point deadline(std::chrono::milliseconds time, std::size_t bytes) {
  return steady_clock::now() + time + std::chrono::seconds(bytes / kSlowestBytesPerSecond);
}

}  // namespace

KafkaConnection::KafkaConnection(asio::ip::tcp::socket socket, KafkaServer& server)
    : server_(server),
      socket_(std::move(socket)),
      changed_(socket_.get_executor()),
      idle_since_(steady_clock::now()) {
  changed_.expires_at(asio::steady_timer::time_point::max());
  boost::system::error_code error;
  const auto peer = socket_.remote_endpoint(error);
  session_.peer =
      error ? "a client" : fmt::format("{}:{}", peer.address().to_string(), peer.port());
}

asio::awaitable<void> KafkaConnection::run() {
  while (!closed_ && !draining_) {
    auto slot = std::make_shared<Slot>(session_);
    const bool read = co_await read_frame(*slot);
    if (!read || closed_) break;
    if (!parse(*slot)) break;
    const bool turn = co_await wait_for_turn(*slot);
    if (!turn) break;
    begin(std::move(slot));
  }
  draining_ = true;
  while (!closed_ && (!slots_.empty() || writing_)) co_await changed_.async_wait(kAwait);
  close("");
}

// Makes `bytes` (at most kInputBytes) of input available. False at the connection's end.
asio::awaitable<bool> KafkaConnection::fill(std::size_t bytes) {
  if (input_to_ - input_from_ >= bytes) co_return true;
  if (input_from_ > 0) {
    std::memmove(input_.data(), input_.data() + input_from_, input_to_ - input_from_);
    input_to_ -= input_from_;
    input_from_ = 0;
  }
  while (input_to_ < bytes) {
    const auto [error, size] = co_await socket_.async_read_some(
        asio::buffer(input_.data() + input_to_, input_.size() - input_to_), kAwait);
    if (error) {
      session_.gone = true;
      if (session_.on_change) session_.on_change();
      co_return false;
    }
    if (input_to_ == 0) read_deadline_ = deadline(server_.options.frame_timeout, 0);
    input_to_ += size;
    server_.metrics.bytes_in.Increment(static_cast<double>(size));
  }
  co_return true;
}

std::string KafkaConnection::describe_length(std::int32_t length) const {
  std::string text = fmt::format("a frame of {} bytes; from {} to {} can be", length,
                                 kHeaderBytesMin, server_.options.request_bytes_max);
  const auto first = std::to_integer<unsigned>(input_[input_from_]);
  if (first == 0x16) return text + ". It begins like TLS: use PLAINTEXT";
  if (first >= 'A' && first <= 'Z') return text + ". It begins like text: is this an HTTP client?";
  return text + ". This is no Kafka client, or its stream is broken";
}

asio::awaitable<bool> KafkaConnection::read_frame(Slot& slot) {
  const bool more = input_to_ > input_from_;
  if (more) read_deadline_ = deadline(server_.options.frame_timeout, 0);
  const bool there = co_await fill(kLengthBytes);
  if (!there) {
    if (!closed_ && input_to_ > input_from_) close("cut off within a frame");
    co_return false;
  }
  const std::int32_t length = read_length(input_.data() + input_from_);
  if (length < kHeaderBytesMin ||
      static_cast<std::size_t>(length) > server_.options.request_bytes_max) {
    close(describe_length(length));
    co_return false;
  }
  input_from_ += kLengthBytes;
  const auto size = static_cast<std::size_t>(length);
  read_deadline_.reset();
  const bool room = co_await take_budget(slot, size);
  if (!room) co_return false;
  read_deadline_ = deadline(server_.options.frame_timeout, size);
  slot.frame.bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  slot.frame.size = size;
  const bool whole = co_await read_body(slot.frame);
  read_deadline_.reset();
  if (!whole && !closed_) {
    session_.gone = true;
    if (session_.on_change) session_.on_change();
    close("cut off within a frame");
  }
  slot.taken = steady_clock::now();
  idle_since_ = slot.taken;
  co_return whole;
}

// Small frames come through the input buffer, several with one call; the rest of a large one goes
// straight to its place.
asio::awaitable<bool> KafkaConnection::read_body(KafkaFrame& frame) {
  const std::size_t there = std::min(input_to_ - input_from_, frame.size);
  if (frame.size > there && frame.size <= kInputBytes) {
    const bool filled = co_await fill(frame.size);
    if (!filled) co_return false;
  }
  std::size_t done = std::min(input_to_ - input_from_, frame.size);
  std::memcpy(frame.bytes.get(), input_.data() + input_from_, done);
  input_from_ += done;
  while (done < frame.size) {
    const auto [error, size] = co_await socket_.async_read_some(
        asio::buffer(frame.bytes.get() + done, frame.size - done), kAwait);
    if (error) co_return false;
    done += size;
    server_.metrics.bytes_in.Increment(static_cast<double>(size));
  }
  co_return true;
}

asio::awaitable<bool> KafkaConnection::take_budget(Slot& slot, std::size_t bytes) {
  if (!server_.budget.try_take(bytes)) {
    const auto ask = [this, bytes](std::function<void(bool)> taken) {
      server_.budget.take(bytes, std::move(taken));
    };
    co_await await_callback<bool>(ask);
  }
  slot.lease = KafkaBudget::Lease(server_.budget, bytes);
  co_return !closed_;
}

bool KafkaConnection::parse(Slot& slot) {
  auto framed = protocol::kafka::decode_request_header(slot.frame.span());
  if (!framed) {
    close(framed.error().to_string());
    return false;
  }
  const auto& header = framed->header;
  slot.api = find_kafka_api(header.api_key);
  slot.call.api_key = header.api_key;
  slot.call.version = header.api_version;
  slot.call.correlation_id = header.correlation_id;
  slot.call.client_id = header.client_id.value_or("");
  slot.body = framed->body;
  if (slot.api == nullptr) {
    close(fmt::format("call {} version {} is not offered", header.api_key, header.api_version));
    return false;
  }
  const bool known =
      header.api_version >= slot.api->version_min && header.api_version <= slot.api->version_max;
  if (known) return true;
  if (header.api_key != protocol::kafka::ApiVersionsRequest::kCall.api_key) {
    close(fmt::format("{} version {} is not offered; versions {} to {} are", slot.api->shape.name,
                      header.api_version, slot.api->version_min, slot.api->version_max));
    return false;
  }
  return true;
}

bool KafkaConnection::may_run(const KafkaApi& api, std::size_t bytes) const {
  if (slots_.empty() && !writing_) return true;
  if (!api.pipelined || running_alone_) return false;
  return slots_.size() < server_.options.pipelined_max &&
         running_bytes_ + bytes <= server_.options.connection_bytes_max;
}

// A waiting fetch gives way to what comes behind it, but for another fetch: a client that keeps two
// of them under way would see neither wait.
asio::awaitable<bool> KafkaConnection::wait_for_turn(const Slot& slot) {
  while (!closed_ && !may_run(*slot.api, slot.frame.size)) {
    if (slot.api->shape.api_key != protocol::kafka::FetchRequest::kCall.api_key &&
        !session_.hurry) {
      session_.hurry = true;
      if (session_.on_change) session_.on_change();
    }
    co_await changed_.async_wait(kAwait);
  }
  session_.hurry = draining_;
  co_return !closed_;
}

void KafkaConnection::begin(SlotPtr slot) {
  ++running_;
  running_bytes_ += slot->lease.bytes();
  running_alone_ = !slot->api->pipelined;
  slots_.push_back(slot);
  if (slot->call.version < slot->api->version_min || slot->call.version > slot->api->version_max) {
    refuse_version(*slot);
    finish(slot, std::move(slot->reply));
    return;
  }
  asio::co_spawn(socket_.get_executor(), answer(shared_from_this(), std::move(slot)),
                 asio::detached);
}

// KIP-511: a version of ApiVersions that is not known is answered in version 0, with the range that
// is; the client asks again.
void KafkaConnection::refuse_version(Slot& slot) {
  protocol::kafka::ApiVersionsResponse response;
  response.error_code = protocol::kafka::ErrorCode::kUnsupportedVersion;
  response.api_keys.push_back({.api_key = slot.call.api_key,
                               .min_version = slot.api->version_min,
                               .max_version = slot.api->version_max});
  slot.reply.error = response.error_code;
  slot.reply.frame = protocol::kafka::encode_response(response, 0, slot.call.correlation_id);
}

asio::awaitable<void> KafkaConnection::answer(std::shared_ptr<KafkaConnection> self, SlotPtr slot) {
  base::Result<KafkaReply> reply = KafkaReply{};
  try {
    reply = co_await slot->api->answer(self->server_.broker, slot->call, slot->body);
  } catch (const std::exception& failure) {
    reply = base::fail(base::Code::kIo, "the handler failed: {}", failure.what());
  }
  self->finish(slot, std::move(reply));
}

void KafkaConnection::finish(const SlotPtr& slot, base::Result<KafkaReply> reply) {
  --running_;
  running_bytes_ -= slot->lease.bytes();
  if (!slot->api->pipelined) running_alone_ = false;
  slot->done = true;
  slot->frame.release();
  slot->lease = {};
  if (!reply) {
    close(fmt::format("{} version {}: {}", slot->api->shape.name, slot->call.version,
                      reply.error().to_string()));
    return;
  }
  slot->reply = std::move(*reply);
  const std::chrono::duration<double> seconds = steady_clock::now() - slot->taken;
  server_.metrics.count(slot->call.api_key, slot->api->shape.name, slot->reply.error,
                        seconds.count());
  write_ready();
}

// Takes answers that are ready from the front.
void KafkaConnection::collect(std::vector<asio::const_buffer>& buffers) {
  std::size_t bytes = 0;
  while (!slots_.empty() && slots_.front()->done && bytes < kSendBytesMax) {
    SlotPtr slot = std::move(slots_.front());
    slots_.pop_front();
    if (slot->reply.silent) continue;
    for (const auto& chunk : slot->reply.frame.chunks()) {
      buffers.emplace_back(chunk.data(), chunk.size());
      bytes += chunk.size();
    }
    sending_.push_back(std::move(slot));
  }
}

void KafkaConnection::write_ready() {
  if (writing_ || closed_) return;
  std::vector<asio::const_buffer> buffers;
  collect(buffers);
  wake();
  if (buffers.empty()) {
    if (draining_ && slots_.empty()) close("");
    return;
  }
  writing_ = true;
  const std::size_t bytes = asio::buffer_size(buffers);
  write_deadline_ = deadline(server_.options.write_timeout, bytes);
  server_.metrics.bytes_out.Increment(static_cast<double>(bytes));
  asio::async_write(
      socket_, std::move(buffers),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
        self->writing_ = false;
        self->write_deadline_.reset();
        self->sending_.clear();
        self->idle_since_ = steady_clock::now();
        if (error) self->close("");
        self->write_ready();
        self->wake();
      });
}

void KafkaConnection::wake() { changed_.cancel(); }

void KafkaConnection::tick(TimePoint now) {
  if (closed_) return;
  if (read_deadline_ && now > *read_deadline_) {
    close("a frame that has begun does not come to its end");
  } else if (write_deadline_ && now > *write_deadline_) {
    close("the client does not take its answers");
  } else if (slots_.empty() && !writing_ && now - idle_since_ > server_.options.idle_timeout) {
    spdlog::debug("kafka: {}: idle, closed", session_.peer);
    close("");
  }
}

void KafkaConnection::drain() {
  draining_ = true;
  session_.hurry = true;
  if (session_.on_change) session_.on_change();
  if (slots_.empty() && !writing_) close("");
}

void KafkaConnection::close(const std::string& reason) {
  if (closed_) return;
  closed_ = true;
  if (!reason.empty()) spdlog::warn("kafka: {}: connection closed: {}", session_.peer, reason);
  session_.gone = true;
  if (session_.on_change) session_.on_change();
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
  slots_.clear();
  wake();
}

}  // namespace server
