// The compiled part of Asio and Beast (BOOST_ASIO_SEPARATE_COMPILATION), in this one file.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
