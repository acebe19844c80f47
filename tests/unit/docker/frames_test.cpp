#include "docker/frames.hpp"

#include "support.hpp"

namespace brig::docker {
namespace {

struct Taken {
  std::string out, err;
  std::optional<Error> error;
};

Taken take(FrameDecoder& decoder, std::string_view bytes, std::size_t step) {
  Taken all;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    decoder.feed(bytes.substr(0, step));
    while (true) {
      auto chunk = decoder.next();
      if (!chunk) {
        all.error = chunk.error();
        return all;
      }
      if (!*chunk) break;
      EXPECT_FALSE((*chunk)->bytes.empty());
      ((*chunk)->channel == Chunk::Channel::out ? all.out : all.err) += text((*chunk)->bytes);
    }
  }
  return all;
}

TEST(Frames, AreTheSameWhereverTheyAreCut) {
  std::string stream =
      frame(1, "one") + frame(2, "two") + frame(1, "") + frame(1, std::string(300, 'x')) + frame(2, "end");
  for (std::size_t step = 1; step < 40; ++step) {
    FrameDecoder decoder;
    auto all = take(decoder, stream, step);
    EXPECT_FALSE(all.error);
    EXPECT_EQ(all.out, "one" + std::string(300, 'x'));
    EXPECT_EQ(all.err, "twoend");
    EXPECT_TRUE(decoder.at_boundary());
  }
}

TEST(Frames, KnowWhenTheyWereCutOff) {
  FrameDecoder header, payload;
  take(header, frame(1, "abc").substr(0, 5), 99);
  EXPECT_FALSE(header.at_boundary());
  take(payload, frame(1, "abc").substr(0, 9), 99);
  EXPECT_FALSE(payload.at_boundary());
}

TEST(Frames, RefuseWhatIsNone) {
  for (std::string bad : {"HTTP/1.1 200", "\x00\x00\x00\x00\x00\x00\x00\x01x",
                          "\x04\x00\x00\x00\x00\x00\x00\x01x", "\x01\x01\x00\x00\x00\x00\x00\x01x"}) {
    bad.resize(12);
    FrameDecoder decoder;
    auto all = take(decoder, bad, 99);
    ASSERT_TRUE(all.error);
    EXPECT_EQ(all.error->code, Code::protocol);
  }
}

TEST(Frames, AHugeLengthCostsNothing) {
  FrameDecoder decoder;
  auto all = take(decoder, std::string("\x01\0\0\0\xff\xff\xff\xff", 8) + "few", 99);
  EXPECT_FALSE(all.error);
  EXPECT_EQ(all.out, "few");
}

TEST(Frames, TheEnginesComplaintIsAnError) {
  FrameDecoder decoder;
  auto all = take(decoder, frame(1, "fine") + frame(3, "the log file is gone"), 3);
  EXPECT_EQ(all.out, "fine");
  ASSERT_TRUE(all.error);
  EXPECT_NE(all.error->message.find("the log file is gone"), std::string::npos);
}

}  // namespace
}  // namespace brig::docker
