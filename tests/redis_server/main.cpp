// The Redis door over made-up rows, for measurements and foreign clients:
//
//   redis_server ADDRESS ROWS BYTES
//
// Serves rows "row:000000000000" … of about BYTES each until it is ended. Prints the port that it
// listens on.
#include <fmt/format.h>
#include <signal.h>

#include <iostream>

#include "server/redis_listener.h"

namespace {

constexpr std::size_t kRowsMax = 50'000'000;
constexpr std::size_t kRowBytesMax = 1UL << 20;

std::vector<server::ServedRow> made_up_rows(std::size_t rows, std::size_t bytes) {
  std::vector<server::ServedRow> made;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::string id = fmt::format("{:012}", i);
    made.push_back(
        {.id = id,
         .json = fmt::format(R"({{"id":"{}","text":"{}"}})", id, std::string(bytes, 'x'))});
  }
  return made;
}

base::Result<> serve(const std::string& address, std::size_t rows, std::size_t bytes,
                     const sigset_t& signals) {
  const base::SystemClock clock;
  server::ServedState served({{"row", {.table = "gold.rows"}}}, clock);
  served.table("row")->replace(made_up_rows(rows, bytes));
  const server::RedisWorld world{served, nullptr, clock};
  const auto door = TRY(server::RedisListener::start(world, {.address = address}));
  std::cout << door->port() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  const auto rows = count == 4 ? server::whole_number(arguments[2]) : std::nullopt;
  const auto bytes = count == 4 ? server::whole_number(arguments[3]) : std::nullopt;
  if (!rows || !bytes || *rows > kRowsMax || *bytes > kRowBytesMax) {
    std::cerr << "usage: redis_server ADDRESS ROWS BYTES\n";
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const auto served = serve(arguments[1], *rows, *bytes, signals);
  if (!served) std::cerr << served.error().to_string() << '\n';
  return served ? 0 : 1;
}
