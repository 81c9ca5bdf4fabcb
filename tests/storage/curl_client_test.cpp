#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "storage/http_client.h"
#include "storage/local_http.h"

namespace storage {
namespace {

TEST(CurlClient, TakesAnAnswerThatWasCutForNone) {
  const LocalHttp server([](const std::string&) {
    return std::string("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
  });
  const auto path =
      std::filesystem::temp_directory_path() / ("curl_client_test." + std::to_string(::getpid()));
  {
    const auto file = base::posix_file_system().open(path, true).value();
    const auto answer =
        curl_client()->send({.method = "GET", .url = server.url() + "/k", .into = file.get()});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, base::Code::kUnavailable);
  }
  std::filesystem::remove(path);
}

TEST(CurlClient, RefusesAnAnswerAboveTheBound) {
  const LocalHttp server([](const std::string&) { return LocalHttp::ok(std::string(5000, 'x')); });
  const auto answer =
      curl_client()->send({.method = "GET", .url = server.url(), .answer_bytes_max = 4999});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, base::Code::kLimit);
}

TEST(CurlClient, SaysWhatToLookAtWhenNobodyAnswers) {
  const auto mend = [](const std::string& url) {
    return curl_client()->send({.method = "GET", .url = url, .timeout_ms = 5000}).error().mend;
  };
  EXPECT_NE(mend("http://127.0.0.1:1/").find("listens on that port"), std::string::npos);
  EXPECT_NE(mend("http://s3.invalid/").find("host's name"), std::string::npos);
}

TEST(CurlClient, SendsAndReceivesWholeBodies) {
  const LocalHttp server([](const std::string& request) {
    return LocalHttp::ok(request.substr(request.find("\r\n\r\n") + 4));
  });
  const std::string body(1 << 20, 'b');
  const auto answer = curl_client()->send({.method = "PUT", .url = server.url(), .body = body});
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(answer->body, body);
}

}  // namespace
}  // namespace storage
