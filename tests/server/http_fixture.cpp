#include "server/http_fixture.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "log/embedded_log.h"
#include "server/http_sql.h"

namespace server {
namespace {

constexpr std::string_view kTopics[] = {
    "topic: positions\npartitions: 4\nkey: truck_id\nschema:\n  truck_id: string not null\n"
    "  event_time: timestamp not null\n  lat: double not null\n  lon: double not null\n  "
    "speed_kmh: double\n",
    "topic: loose\npartitions: 1\nkey: id\non_bad: dead_letter\nschema:\n  id: bigint not null\n",
    "topic: partner\npartitions: 2\nformat: csv\nschema:\n  name: string\n  weight: double\n"};

class TestSession final : public SqlSession {
 public:
  explicit TestSession(std::unique_ptr<sql::Connection> connection)
      : connection_(std::move(connection)) {}
  base::Result<std::unique_ptr<sql::Result>> query(const std::string& sql) override {
    return connection_->query(sql);
  }
  base::Result<std::unique_ptr<sql::RowStream>> stream(const std::string& sql) override {
    return connection_->stream(sql);
  }
  base::Result<std::unique_ptr<sql::Statement>> prepare(const std::string& sql) override {
    return connection_->prepare(sql);
  }
  base::Result<std::vector<sql::Connection::Part>> split(const std::string& sql) override {
    return connection_->split(sql);
  }
  void interrupt() override { connection_->interrupt(); }
  std::string sources() const override { return ""; }
  std::vector<std::string> names(std::size_t columns) const override {
    return std::vector<std::string>(columns);
  }

 private:
  std::unique_ptr<sql::Connection> connection_;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

void FaultyLog::fail_next(eventlog::Partition partition, base::Error error, int times) {
  const std::scoped_lock lock(mutex_);
  faults_[partition] = {std::move(error), times};
}

void FaultyLog::append(const eventlog::TopicPartition& partition, std::vector<std::byte> batch,
                       eventlog::AppendDone done) {
  std::optional<base::Error> fault;
  {
    const std::scoped_lock lock(mutex_);
    const auto at = faults_.find(partition.partition);
    if (at != faults_.end() && at->second.second-- > 0) fault = at->second.first;
  }
  if (fault) return done(std::unexpected(*fault));
  log_->append(partition, std::move(batch), std::move(done));
}

TestPlatform::TestPlatform(const base::Path& directory) {
  static const base::SystemClock clock;
  auto log = eventlog::open_embedded_log(base::posix_file_system(), clock,
                                         {.directory = directory / "log"});
  CHECK(log.has_value(), "{}", log.error().to_string());
  log_ = std::make_unique<FaultyLog>(std::move(*log));
  for (const std::string_view text : kTopics) {
    const auto yaml = base::Yaml::parse(std::string(text), "sources/test.yaml");
    CHECK(yaml.has_value());
    auto topic = schema::parse_topic_schema(*yaml);
    CHECK(topic.has_value(), "{}", topic.error().to_string());
    if (!log_->topic(topic->topic.name)) CHECK(log_->create_topic(topic->topic).has_value());
    topics_.push_back(std::move(*topic));
  }
}

base::Result<std::unique_ptr<JsonQuery>> TestPlatform::json_query(SqlRequest request) {
  if (!database_) database_ = TRY(sql::Database::open({.locked = true, .allowed_directory = ""}));
  return json_query_on(std::make_unique<TestSession>(TRY(database_->connect())),
                       std::move(request));
}

base::Result<std::optional<nlohmann::json>> TestPlatform::lookup(const std::string& name,
                                                                 const std::string& id) {
  if (name != "shipments" && name != "trucks")
    return base::fail(base::Code::kNotFound, "no look-up {}", name);
  if (id == "gone") return std::optional<nlohmann::json>();
  return std::optional<nlohmann::json>({{"id", id}, {"from", name}});
}

base::Result<nlohmann::json> TestPlatform::runs(std::size_t limit, const std::string& model) {
  return nlohmann::json::array({{{"limit", limit}, {"model", model}}});
}

base::Result<nlohmann::json> TestPlatform::dead_letters(const DeadLetterFilter& filter) {
  return nlohmann::json::array({{{"limit", filter.limit}, {"reason", filter.reason}}});
}

base::Result<nlohmann::json> TestPlatform::redrive(const DeadLetterFilter& filter) {
  return nlohmann::json{{"redriven", filter.ids.size()}};
}

base::Result<nlohmann::json> TestPlatform::explain_model(const std::string& name) {
  return nlohmann::json{{"model", name}};
}

base::Result<nlohmann::json> TestPlatform::steer_model(const std::string& name, ModelCommand) {
  return explain_model(name);
}

base::Result<nlohmann::json> TestPlatform::run_model(const std::string& name) {
  if (name == "throws") throw std::runtime_error("thrown");
  return nlohmann::json{{"model", name}};
}

base::Result<nlohmann::json> TestPlatform::dashboards() {
  return nlohmann::json::array({{{"name", "overview"}, {"title", "Overview"}}});
}

base::Result<nlohmann::json> TestPlatform::dashboard(const std::string& name) {
  return base::fail_with(base::Code::kNotFound, "there is no dashboard " + name, "write one");
}

Client::Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
}

Client::~Client() { ::close(socket_); }

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Client::shut_sending() { ::shutdown(socket_, SHUT_WR); }

bool Client::fill() {
  pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
  if (::poll(&wait, 1, 20'000) != 1) return false;
  char bytes[65536];
  const ssize_t got = ::recv(socket_, bytes, sizeof(bytes), 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

Reply Client::receive(bool head_only) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  Reply reply;
  std::istringstream head(buffer_.substr(0, end + 2));
  std::string line;
  std::getline(head, line);
  reply.status = std::stoi(line.substr(9, 3));
  while (std::getline(head, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    reply.headers[lower(line.substr(0, colon))] = line.substr(colon + 2, line.size() - colon - 3);
  }
  buffer_.erase(0, end + 4);
  if (reply.status == 100) return receive(head_only);
  const std::size_t size = head_only ? 0 : std::stoul(reply.headers.at("content-length"));
  while (buffer_.size() < size) {
    if (!fill()) return {};
  }
  reply.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return reply;
}

bool Client::closed() {
  pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
  char byte = 0;
  return ::poll(&wait, 1, 5'000) == 1 && ::recv(socket_, &byte, 1, MSG_PEEK) <= 0;
}

std::string request_text(std::string_view method, std::string_view target, std::string_view body,
                         const std::vector<std::string>& headers) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n", method, target);
  for (const std::string& header : headers) text += header + "\r\n";
  if (!body.empty() || method == "POST") text += fmt::format("Content-Length: {}\r\n", body.size());
  return text + "\r\n" + std::string(body);
}

std::vector<Stored> records_of(const eventlog::EventLog& log, const std::string& topic) {
  std::vector<Stored> out;
  const auto info = log.topic(topic);
  CHECK(info.has_value());
  for (std::size_t p = 0; p < info->end_offsets.size(); ++p) {
    const auto partition = static_cast<eventlog::Partition>(p);
    for (eventlog::Offset at = info->start_offsets[p]; at < info->end_offsets[p];) {
      const auto read = log.read({topic, partition}, at, 1 << 20);
      CHECK(read.has_value());
      for (const auto batch : read->batches) {
        CHECK(eventlog::for_each_record(batch, [&](const eventlog::RecordView& record) {
                Stored stored{.partition = partition,
                              .offset = record.offset,
                              .timestamp_ms = record.timestamp_ms,
                              .key = std::string(record.key.value_or("")),
                              .value = std::string(record.value),
                              .headers = {}};
                for (const auto& header : record.headers)
                  stored.headers.emplace(header.key, header.value);
                if (record.offset >= at) out.push_back(std::move(stored));
              }).has_value());
      }
      at = read->next_offset;
    }
  }
  return out;
}

void HttpTest::start() {
  std::filesystem::create_directories(directory_);
  platform_ = std::make_unique<TestPlatform>(directory_);
  auto listener = HttpListener::start(*platform_, clock_, options_);
  ASSERT_TRUE(listener.has_value()) << listener.error().to_string();
  listener_ = std::move(*listener);
}

void HttpTest::restart() {
  listener_.reset();
  platform_.reset();
  start();
}

void HttpTest::TearDown() {
  listener_.reset();
  platform_.reset();
  std::filesystem::remove_all(directory_);
}

Reply HttpTest::call(std::string_view method, std::string_view target, std::string_view body,
                     const std::vector<std::string>& headers) {
  Client client(listener_->port());
  client.send(request_text(method, target, body, headers));
  return client.receive(method == "HEAD");
}

Reply HttpTest::post(const std::string& topic, std::string_view body,
                     std::vector<std::string> headers) {
  return call("POST", "/v1/topics/" + topic + "/records", body, headers);
}

}  // namespace server
