// The listener as clients of all kinds see it: calls, limits, broken requests, the page.
#include <fstream>
#include <thread>

#include "server/http_fixture.h"

namespace server {
namespace {

class HttpCalls : public HttpTest {};

TEST_F(HttpCalls, AnswerAsTheDocumentSays) {
  EXPECT_EQ(call("GET", "/healthz").body, "ok\n");
  EXPECT_EQ(call("GET", "/v1/status").json()["version"], "test");
  EXPECT_EQ(call("GET", "/v1/lookups").json(), nlohmann::json::parse(R"(["shipments","trucks"])"));
  EXPECT_EQ(call("GET", "/v1/shipments/S%2F1").json()["id"], "S/1");
  EXPECT_EQ(call("GET", "/v1/runs?limit=5&model=silver.scans").json()[0]["limit"], 5);
  EXPECT_EQ(call("GET", "/v1/runs").json()[0]["limit"], 100);
  EXPECT_EQ(call("GET", "/v1/audit").json()["balanced"], true);
  EXPECT_EQ(call("GET", "/v1/dead-letters?reason=weight").json()[0]["reason"], "weight");
  EXPECT_EQ(call("POST", "/v1/dead-letters/redrive", R"({"ids":["a","b"]})").json()["redriven"], 2);
  EXPECT_EQ(call("POST", "/v1/models/gold.on_time/run").json()["model"], "gold.on_time");
  EXPECT_EQ(call("GET", "/v1/alerts").json(), nlohmann::json::array());
  EXPECT_EQ(call("GET", "/v1/streams").json(), nlohmann::json::array());
  EXPECT_EQ(call("POST", "/v1/models/gold.sums/pause").json()["model"], "gold.sums");
  const auto topics = call("GET", "/v1/topics").json();
  EXPECT_EQ(topics[0]["topic"], "positions");
  EXPECT_EQ(topics[0]["partitions"].size(), 4U);
  EXPECT_EQ(topics[0]["schema"][1]["type"], "timestamp");
  EXPECT_EQ(topics[0]["schema"][1]["nullable"], false);
}

TEST_F(HttpCalls, SqlGivesColumnsRowsAndWhetherThereWereMore) {
  const auto sql = [this](const nlohmann::json& body) {
    return call("POST", "/v1/sql", body.dump(), {kJson});
  };
  const auto json = sql({{"sql", "SELECT 1 AS a, 'x' AS b, NULL AS c -- note"}}).json();
  EXPECT_EQ(json["columns"][0]["name"], "a");
  EXPECT_EQ(json["rows"], nlohmann::json::parse(R"([[1,"x",null]])"));
  EXPECT_EQ(json["truncated"], false);
  const auto cut = sql({{"sql", "SELECT * FROM range(10) ORDER BY 1 DESC;"}, {"limit", 3}}).json();
  EXPECT_EQ(cut["rows"], nlohmann::json::parse("[[9],[8],[7]]"));
  EXPECT_EQ(cut["truncated"], true);
  const Reply wrong = sql({{"sql", "SELECT nope FROM nowhere"}});
  EXPECT_EQ(wrong.status, 400);
  EXPECT_NE(wrong.body.find("nowhere"), std::string::npos);
  EXPECT_EQ(wrong.body.find("LIMIT"), std::string::npos) << "the user's own text is named";
  EXPECT_EQ(sql({{"sql", "SELECT 1; SELECT 2"}}).status, 400);
  EXPECT_EQ(sql({{"sql", 5}}).status, 400);
  EXPECT_EQ(sql({{"sql", "SELECT 1"}, {"limit", 0}}).status, 400);
  EXPECT_EQ(call("POST", "/v1/sql", "not json", {kJson}).status, 400);
}

TEST_F(HttpCalls, WrongCallsAreNamedWithTheirMend) {
  const struct {
    const char* method;
    const char* target;
    const char* body;
    int status;
  } cases[] = {{"GET", "/v1/nonsense", "", 404},
               {"GET", "/v1/nonsense/x", "", 404},
               {"GET", "/v1/shipments/gone", "", 404},
               {"GET", "/v1/dashboards/main", "", 404},
               {"GET", "/v1/dashboards/..%2Fsecret", "", 404},
               {"POST", "/v1/status", "", 405},
               {"GET", "/v1/sql", "", 405},
               {"PUT", "/v1/topics", "", 405},
               {"DELETE", "/", "", 405},
               {"GET", "/v1/runs?limit=x", "", 400},
               {"GET", "/v1/runs?limit=0", "", 400},
               {"GET", "/v1/fleet?bbox=1,2,3", "", 400},
               {"GET", "/v1/fleet?bbox=1,2,3,nan", "", 400},
               {"GET", "/%zz", "", 400},
               {"POST", "/v1/dead-letters/redrive", "{}", 400},
               {"POST", "/v1/dead-letters/redrive", "[1]", 400},
               {"POST", "/v1/dead-letters/redrive", R"({"ids":[1]})", 400},
               {"POST", "/v1/models/throws/run", "", 500},
               {"GET", "/v1/fleet/feed", "", 426}};
  for (const auto& [method, target, body, status] : cases) {
    const Reply reply = call(method, target, body);
    EXPECT_EQ(reply.status, status) << method << target;
    EXPECT_EQ(reply.json().value("status", 0), status) << method << target << reply.body;
    EXPECT_FALSE(reply.json().value("mend", "").empty()) << method << target << reply.body;
  }
}

TEST_F(HttpCalls, PagesOfOtherSitesAreRefused) {
  const auto sent_with = [this](std::string_view method, std::string_view target,
                                const std::string& host, const std::vector<std::string>& headers) {
    Client client(listener_->port());
    std::string text =
        fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n", method, target, host);
    for (const std::string& header : headers) text += header + "\r\n";
    client.send(text + "\r\n");
    return client.receive().status;
  };
  const std::string redrive = "/v1/dead-letters/redrive";
  EXPECT_EQ(sent_with("GET", "/v1/status", "localhost:1", {}), 200);
  EXPECT_EQ(sent_with("GET", "/v1/status", "127.0.0.1:8080", {}), 200);
  EXPECT_EQ(sent_with("GET", "/v1/status", "[::1]:8080", {}), 200);
  EXPECT_EQ(sent_with("GET", "/v1/status", "10.1.2.3:8080", {}), 200);
  EXPECT_EQ(sent_with("GET", "/v1/status", "evil.example:8080", {}), 421);
  EXPECT_EQ(sent_with("GET", "/metrics", "prometheus-target", {}), 200);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {}), 400);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {"Origin: http://localhost:5173"}), 400);
  EXPECT_EQ(sent_with("POST", redrive, "10.1.2.3:80", {"Origin: http://10.1.2.3:80"}), 400);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {"Origin: http://10.1.2.3"}), 403);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {"Origin: https://evil.example"}), 403);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {"Origin: https://localhost.evil.example"}),
            403);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {"Origin: null"}), 403);
  EXPECT_EQ(sent_with("POST", redrive, "localhost", {"Sec-Fetch-Site: cross-site"}), 403);
  EXPECT_EQ(sent_with("GET", "/v1/fleet/feed", "localhost", {"Origin: https://evil.example"}), 403);
}

TEST_F(HttpCalls, RequestsAndTheirTimeAreCountedByRoute) {
  call("GET", "/v1/shipments/S-1");
  call("GET", "/v1/shipments/gone");
  const std::string text = call("GET", "/metrics").body;
  EXPECT_NE(text.find("waybill_http_requests_total{route=\"/v1/{lookup}/{id}\",status=\"200\"}"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("waybill_http_requests_total{route=\"/v1/{lookup}/{id}\",status=\"404\"}"),
            std::string::npos);
  EXPECT_NE(text.find("waybill_http_request_seconds_count{route=\"/v1/{lookup}/{id}\"}"),
            std::string::npos);
}

class HttpConnections : public HttpTest {
 protected:
  void SetUp() override {
    options_.header_timeout = std::chrono::milliseconds(300);
    options_.body_timeout = std::chrono::milliseconds(300);
    options_.idle_timeout = std::chrono::milliseconds(600);
    options_.connections_max = 50;
    options_.sql_timeout = std::chrono::milliseconds(2'000);
    start();
  }
};

TEST_F(HttpConnections, AreClosedWhenHeadersOrBodiesComeTooSlowly) {
  Client header(listener_->port());
  header.send("GET / HTTP/1.1\r\nHost:");
  EXPECT_TRUE(header.closed());
  Client body(listener_->port());
  body.send("POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
  EXPECT_TRUE(body.closed());
  Client silent(listener_->port());
  EXPECT_TRUE(silent.closed());
}

TEST_F(HttpConnections, BrokenRequestsAreAnsweredAndTheServerLives) {
  const struct {
    std::string bytes;
    int status;
  } cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400},
      {"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: "
       "6\r\n\r\nhello",
       400},
      {"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", 413},
      {"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n", 413},
      {"POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"GET /v1/status HTTP/1.1\r\n\r\n", 400},
      {std::string("\0\1\2\3\r\n\r\n", 8), 400},
  };
  for (const auto& [bytes, status] : cases) {
    Client client(listener_->port());
    client.send(bytes);
    EXPECT_EQ(client.receive().status, status) << bytes.substr(0, 120);
  }
  EXPECT_EQ(call("GET", "/healthz").status, 200);
}

TEST_F(HttpConnections, ClientsThatLeaveHalfWayDoNoHarm) {
  const std::string text = request_text("POST", "/v1/topics/loose/records", "{\"id\":1}", {kJson});
  for (std::size_t cut = 0; cut < text.size(); cut += 3) {
    Client client(listener_->port());
    client.send(std::string_view(text).substr(0, cut));
  }
  Client half(listener_->port());
  half.send(text);
  half.shut_sending();
  EXPECT_EQ(half.receive().status, 200) << "a client may close its side and wait";
}

TEST_F(HttpConnections, AreBounded) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<Client>(listener_->port()));
    clients.back()->send(request_text("GET", "/healthz"));
    ASSERT_EQ(clients.back()->receive().status, 200);
  }
  Client refused(listener_->port());
  EXPECT_EQ(refused.receive().status, 503);
  clients.clear();
  for (int i = 0; i < 50 && call("GET", "/healthz").status != 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(call("GET", "/healthz").status, 200);
}

TEST_F(HttpConnections, OldClientsAndHeadRequestsAreServed) {
  Client old(listener_->port());
  old.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive().status, 200);
  EXPECT_TRUE(old.closed());
  Client head(listener_->port());
  head.send(request_text("HEAD", "/healthz") + request_text("GET", "/healthz"));
  EXPECT_EQ(head.receive(true).headers.at("content-length"), "3");
  EXPECT_EQ(head.receive().body, "ok\n");
  Client expects(listener_->port());
  expects.send(
      "POST /v1/topics/loose/records HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n" + kJson +
      "\r\nExpect: 100-continue\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  expects.send("{\"id\":1}");
  EXPECT_EQ(expects.receive().status, 200);
}

TEST_F(HttpConnections, StopLetsARunningRequestFinish) {
  Client client(listener_->port());
  Client idle(listener_->port());
  client.send(request_text("POST", "/v1/sql",
                           R"({"sql":"SELECT count(*) FROM range(20000000) t(a) WHERE a % 7 = 3"})",
                           {kJson}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::thread stopper([this] { listener_->stop(); });
  const Reply reply = client.receive();
  stopper.join();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("connection"), "close");
  EXPECT_TRUE(idle.closed());
}

TEST_F(HttpConnections, AQueryThatNeverEndsIsEnded) {
  const Reply reply = call(
      "POST", "/v1/sql",
      R"({"sql":"SELECT count(*) FROM range(10000000) a(x), range(10000000) b(y) WHERE x * y % 7 = 3"})",
      {kJson});
  EXPECT_EQ(reply.status, 503) << reply.body;
  EXPECT_NE(reply.body.find("longer than 2 s"), std::string::npos) << reply.body;
  EXPECT_EQ(call("POST", "/v1/sql", R"({"sql":"SELECT 1"})", {kJson}).status, 200);
}

TEST_F(HttpConnections, ATakenAddressIsSaid) {
  const auto second = HttpListener::start(
      *platform_, clock_, {.address = fmt::format("127.0.0.1:{}", listener_->port())});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, base::Code::kUnavailable);
  const auto nonsense = HttpListener::start(*platform_, clock_, {.address = "nonsense"});
  ASSERT_FALSE(nonsense.has_value());
  EXPECT_EQ(nonsense.error().code, base::Code::kInvalid);
}

class HttpPage : public HttpTest {
 protected:
  void write(const std::string& name, const std::string& text) {
    const base::Path path = directory_ / "dist" / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void SetUp() override {
    start();
    write("index.html", "<!doctype html>page");
    write("assets/app-1.js", "script");
    write("assets/app-1.js.gz", "packed");
    write("../secret.txt", "secret");
    std::filesystem::create_symlink(directory_ / "secret.txt", directory_ / "dist" / "link.txt");
  }
};

TEST_F(HttpPage, FilesHaveTheirTypeTagAndAge) {
  const Reply page = call("GET", "/");
  EXPECT_EQ(page.body, "<!doctype html>page");
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.headers.at("cache-control"), "no-cache");
  EXPECT_NE(page.headers.at("content-security-policy").find("worker-src 'self' blob:"),
            std::string::npos);
  EXPECT_EQ(page.headers.at("x-content-type-options"), "nosniff");
  const Reply script = call("GET", "/assets/app-1.js");
  EXPECT_EQ(script.body, "script");
  EXPECT_EQ(script.headers.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_NE(script.headers.at("cache-control").find("immutable"), std::string::npos);
  const Reply same =
      call("GET", "/assets/app-1.js", "", {"If-None-Match: " + script.headers.at("etag")});
  EXPECT_EQ(same.status, 304);
  EXPECT_TRUE(same.body.empty());
}

TEST_F(HttpPage, APackedFileIsSentToWhoTakesIt) {
  const Reply packed = call("GET", "/assets/app-1.js", "", {"Accept-Encoding: br, gzip"});
  EXPECT_EQ(packed.body, "packed");
  EXPECT_EQ(packed.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(packed.headers.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(call("GET", "/assets/app-1.js", "", {"Accept-Encoding: gzip;q=0"}).body, "script");
}

TEST_F(HttpPage, PartsOfAFileCanBeAsked) {
  const auto part = [this](const std::string& range) {
    return call("GET", "/assets/app-1.js", "", {"Range: " + range});
  };
  EXPECT_EQ(part("bytes=1-3").body, "cri");
  EXPECT_EQ(part("bytes=1-3").status, 206);
  EXPECT_EQ(part("bytes=4-").body, "pt");
  EXPECT_EQ(part("bytes=-2").body, "pt");
  EXPECT_EQ(part("bytes=-0").status, 416);
  EXPECT_EQ(part("bytes=6-").status, 416);
  EXPECT_EQ(part("bytes=0-999").body, "script");
  EXPECT_EQ(part("bytes=x").status, 200);
}

TEST_F(HttpPage, AddressesOfThePageAreThePageAndMissingFilesAreNot) {
  EXPECT_EQ(call("GET", "/shipments/S-1").body, "<!doctype html>page");
  EXPECT_EQ(call("GET", "/assets/missing.js").status, 404);
  EXPECT_EQ(call("GET", "/v1x").body, "<!doctype html>page");
  EXPECT_EQ(call("GET", "/v1/x").status, 404);
}

TEST_F(HttpPage, NoPathLeavesTheFolder) {
  for (const char* target :
       {"/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt",
        "/assets%2f..%2f..%2fsecret.txt", "/link.txt", "//etc/passwd.txt", "/..\\secret.txt",
        "/.%2e/secret.txt"}) {
    const Reply reply = call("GET", target);
    EXPECT_EQ(reply.body.find("secret\n"), std::string::npos) << target;
    EXPECT_NE(reply.body, "secret") << target;
    EXPECT_EQ(reply.status, 404) << target;
  }
}

TEST_F(HttpPage, AMissingPageTellsHowToBuildIt) {
  std::filesystem::remove_all(directory_ / "dist");
  const Reply reply = call("GET", "/");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find("make build"), std::string::npos);
}

}  // namespace
}  // namespace server
