// Opening a listener's socket: the steps that every door shares.
//
// Threads: one, before the listener's own begin.
#pragma once

#include <boost/asio.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace server {

// "127.0.0.1:9092" of the key `door` in waybill.yaml ("kafka"). kInvalid unless the address is a
// loopback one in numbers: clients of these doors are trusted.
base::Result<boost::asio::ip::tcp::endpoint> loopback_endpoint(const std::string& address,
                                                               std::string_view door);
// The same for a door whose clients are not: any address.
base::Result<boost::asio::ip::tcp::endpoint> any_endpoint(const std::string& address,
                                                          std::string_view door);
// Binds and listens. kUnavailable when the port is taken.
base::Result<> listen_on(boost::asio::ip::tcp::acceptor& acceptor,
                         const boost::asio::ip::tcp::endpoint& endpoint, std::string_view door);
// Every connection is a descriptor; the usual soft limit of 1024 is below what a listener promises.
void allow_descriptors(std::size_t count);

}  // namespace server
