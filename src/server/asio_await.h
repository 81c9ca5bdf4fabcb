// Waiting in a coroutine for a callback that comes from some other thread.
#pragma once

#include <boost/asio.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace server {

namespace asio = boost::asio;

// Calls `start(done)` and resumes on the coroutine's own executor with the value that `done` is
// given, once, from any thread. The io_context must outlive the call of `done`; copies of `done`
// may be destroyed later than it.
template <class T, class Start>
asio::awaitable<T> await_callback(Start start) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto initiate = [](auto handler, const asio::any_io_executor& home, Start go) {
    struct Waiter {
      decltype(handler) resume;
      asio::executor_work_guard<asio::any_io_executor> work;
    };
    auto waiter = std::make_shared<Waiter>(std::move(handler), asio::make_work_guard(home));
    go(std::function<void(T)>([waiter, home](T value) {
      // All that belongs to the io_context goes to it, so that nothing of it stays with `done`.
      asio::post(home, [resume = std::move(waiter->resume), work = std::move(waiter->work),
                        value = std::move(value)]() mutable { resume(std::move(value)); });
    }));
  };
  T value = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      initiate, asio::use_awaitable, executor, std::move(start));
  co_return value;
}

}  // namespace server
