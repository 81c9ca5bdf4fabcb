// Waiting in a coroutine for a callback that comes from some other thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace server {

namespace asio = boost::asio;

// Calls `start(done)` and resumes on the coroutine's own executor with the value that `done` is
// given, once, from any thread. The io_context must outlive the call of `done`.
template <class T, class Start>
asio::awaitable<T> await_callback(Start start) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto initiate = [](auto handler, asio::any_io_executor home, Start go) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = asio::make_work_guard(home);
    go(std::function<void(T)>([shared, home, work](T value) {
      asio::post(home,
                 [shared, value = std::move(value)]() mutable { (*shared)(std::move(value)); });
    }));
  };
  T value = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      initiate, asio::use_awaitable, executor, std::move(start));
  co_return value;
}

}  // namespace server
