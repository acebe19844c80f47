#include "mcp/message.hpp"

#include <gtest/gtest.h>

namespace brig::mcp {
namespace {

std::string said(const Reading& reading) {
  if (auto* line = std::get_if<LogLine>(&reading)) return "log " + line->text;
  if (auto* bad = std::get_if<Malformed>(&reading)) return "bad " + bad->answers;
  const auto& message = std::get<Message>(reading);
  constexpr const char* kKinds[] = {"request", "notification", "result", "error"};
  return std::string(kKinds[static_cast<int>(message.kind)]) + " " + message.id + " " + message.method + " " +
         message.body;
}

std::string said(std::string text) {
  return said(read(Line::of(std::move(text))));
}

TEST(Message, IsWhatItsMembersMakeIt) {
  EXPECT_EQ(said(R"( {"id":"a\u0062","method":"ro\u006fts/list","jsonrpc":"2.0"} )"),
            R"(request "a\u0062" roots/list )");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","id":-7,"method":"m","params":{"a": 1e400},"more":[]})"),
            R"(request -7 m {"a": 1e400})");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","method":"m","params":null})"), "notification  m ");
  EXPECT_EQ(said(R"({"result":{"method":"x"},"jsonrpc":"2.0","id":1})"), R"(result 1  {"method":"x"})");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}})"),
            R"(error 1  {"code":-1,"message":"m"})");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","error":{"code":-1,"message":"m"}})"),
            R"(error   {"code":-1,"message":"m"})");
}

TEST(Message, KeepsCarriageReturnsOutOfWhatItPassesOn) {
  // Else they would end lines where this goes.
  EXPECT_EQ(said("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\r\"a\":1}}"),
            R"(notification  m { "a":1})");
}

TEST(Message, LeavesWordsToTheLog) {
  for (std::string text :
       {"listening on stdio", "{ half a thing", "{}", R"({"level":"info"})", "[1,2]", "[info] started", "42",
        "\"text\"", "{\"id\":1,", "\xff\xfe", R"({"id":1,"result":{}})"})
    EXPECT_EQ(said(text), "log " + text);
}

TEST(Message, TellsWhomABrokenAnswerIsFor) {
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","id":5,"result":{"n":NaN}})"), "bad 5");
  EXPECT_EQ(said(R"({"result":{"n":NaN},"jsonrpc":"2.0","id":5})"), "bad 5");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","id":5,"result":[]})"), "bad 5");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","id":"5","result":[]})"), "bad ");
  // Not one that asks, or that may ask.
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","id":5,"method":7})"), "bad ");
  EXPECT_EQ(said(R"({"jsonrpc":"2.0","method":"m","id":5,"params":{"n":NaN}})"), "bad ");
  EXPECT_EQ(said(R"([{"jsonrpc":"2.0","id":5,"result":{}}])"), "bad ");
}

TEST(Message, OfTooManyBytesStillTellsWhomItIsFor) {
  auto cut = [](std::string head, std::string tail) {
    return said(read(Line{std::move(head), std::move(tail), kMaxLine + 1}));
  };
  EXPECT_EQ(cut(R"({"jsonrpc":"2.0","id":5,"result":{"text":"xx)", "xx"), "bad 5");
  EXPECT_EQ(cut(R"({"result":{"text":"xx)", R"(xx"}]},"jsonrpc":"2.0","id":6})"), "bad 6");
  EXPECT_EQ(cut(R"({"jsonrpc":"2.0","result":{"text":"xx)", R"(xx"}]},"id":7})"), "bad 7");
  EXPECT_EQ(cut(R"({"jsonrpc":"2.0","result":{"text":"xx)", R"(xx"}]},"id":"7"})"), "bad ");
  EXPECT_EQ(cut("Lorem ipsum", "xx"), "log Lorem ipsum");
  // A result cannot name another's id: neither in a string, nor in an object within.
  EXPECT_EQ(cut(R"({"result":{"text":"xx)", R"(xx,\"jsonrpc\":\"2.0\",\"id\":6})"),
            R"(log {"result":{"text":"xx)");
  EXPECT_EQ(cut(R"({"result":{"text":"xx)", R"({"a":1,"jsonrpc":"2.0","id":6}})"),
            R"(log {"result":{"text":"xx)");
  EXPECT_EQ(cut(R"({"method":"m","params":{"text":"xx)", R"(xx"},"jsonrpc":"2.0","id":6})"),
            R"(log {"method":"m","params":{"text":"xx)");
}

TEST(Message, FromWhereThereIsNoLogIsOneOrMalformed) {
  EXPECT_TRUE(std::holds_alternative<Message>(read_message("{\n\"jsonrpc\":\"2.0\",\"method\":\"m\"}")));
  for (std::string text : {"", "words", "[]", "{}", R"([{"jsonrpc":"2.0","method":"m"}])",
                           R"({"id":1,"method":"m"})", R"({"jsonrpc":"2.0","method":"m","method":"n"})"})
    EXPECT_TRUE(std::holds_alternative<Malformed>(read_message(text))) << text;
}

TEST(Message, IsWrittenAsItIsRead) {
  EXPECT_EQ(said(write_request("7", "a\"b", R"({"x":1})")), R"(request 7 a"b {"x":1})");
  EXPECT_EQ(said(write_notification("m", "")), "notification  m ");
  EXPECT_EQ(said(write_answer("\"q\"", Answer::error(Error{Code::timeout, "too\nslow", "x", true}))),
            R"(error "q"  {"code":-32000,"message":"too\u000aslow","data":{"code":"timeout"}})");
  EXPECT_EQ(said(write_answer("1", Answer::error(Error{Code::not_found, "no such tool", "x", false}))),
            R"(error 1  {"code":-32602,"message":"no such tool","data":{"code":"not_found"}})");
}

}  // namespace
}  // namespace brig::mcp
