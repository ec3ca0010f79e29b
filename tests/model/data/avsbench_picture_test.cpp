// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_picture.h"

#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

class AvsBenchPicture : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }

  std::string size_error(const std::filesystem::path& path) const {
    return error_of([&] { read_picture_size(path); });
  }

  TemporaryFolder folder_;
};

TEST_F(AvsBenchPicture, ReadsSizesOfPngAndJpeg) {
  const cv::Mat picture = disc_picture({70, 40}, 0);
  cv::imwrite(file("a.png").string(), picture);
  cv::imwrite(file("a.jpg").string(), picture);
  cv::imwrite(file("p.jpg").string(), picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  EXPECT_EQ(read_picture_size(file("a.png")), cv::Size(70, 40));
  EXPECT_EQ(read_picture_size(file("a.jpg")), cv::Size(70, 40));
  EXPECT_EQ(read_picture_size(file("p.jpg")), cv::Size(70, 40));
}

TEST_F(AvsBenchPicture, GoesByContentNotByName) {
  cv::imwrite(file("a.png").string(), disc_picture({70, 40}, 0));
  std::filesystem::rename(file("a.png"), file("a.jpg"));
  EXPECT_EQ(read_picture_size(file("a.jpg")), cv::Size(70, 40));
}

TEST_F(AvsBenchPicture, NamesWhatIsWrong) {
  EXPECT_EQ(size_error(file("no.png")), file("no.png").string() + " is missing");
  EXPECT_EQ(size_error(folder_.path()), folder_.path().string() + " is missing");
  write_text(file("empty.png"), "");
  EXPECT_EQ(size_error(file("empty.png")), file("empty.png").string() + " is empty or cut short");
  write_text(file("text.png"), "this is no picture");
  EXPECT_EQ(size_error(file("text.png")), file("text.png").string() + " is neither PNG nor JPEG");
  cv::imwrite(file("small.png").string(), cv::Mat(15, 40, CV_8UC1, cv::Scalar(0)));
  EXPECT_EQ(size_error(file("small.png")), file("small.png").string() +
                                               " is 40 x 15 pixels; both sides must lie in 16 to "
                                               "16384");
}

TEST_F(AvsBenchPicture, NoticesCutFiles) {
  cv::imwrite(file("a.png").string(), disc_picture({70, 40}, 0));
  cv::imwrite(file("a.jpg").string(), disc_picture({70, 40}, 0));
  const std::string png = read_plainly(file("a.png"));
  const std::string jpeg = read_plainly(file("a.jpg"));
  write_text(file("a.png"), png.substr(0, png.size() - 12));
  EXPECT_EQ(
      size_error(file("a.png")),
      file("a.png").string() + " is a PNG cut short: its end chunk is missing; copy it again");
  write_text(file("a.png"), png.substr(0, 20));
  EXPECT_EQ(size_error(file("a.png")),
            file("a.png").string() + " is a PNG cut short in its header");
  for (size_t length : {8U, 20U, 60U}) {
    write_text(file("a.jpg"), jpeg.substr(0, length));
    EXPECT_EQ(size_error(file("a.jpg")),
              file("a.jpg").string() + " is a JPEG cut short or damaged: it names no picture size");
  }
}

TEST_F(AvsBenchPicture, SurvivesEveryCutOfAJpeg) {
  cv::imwrite(file("a.jpg").string(), disc_picture({40, 30}, 0));
  const std::string jpeg = read_plainly(file("a.jpg"));
  for (size_t length = 0; length < jpeg.size(); ++length) {
    write_text(file("cut.jpg"), jpeg.substr(0, length));
    try {
      EXPECT_EQ(read_picture_size(file("cut.jpg")), cv::Size(40, 30));
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("cut short"), std::string::npos) << error.what();
    }
  }
}

TEST_F(AvsBenchPicture, DecodesRedFirst) {
  cv::imwrite(file("a.png").string(), cv::Mat(20, 20, CV_8UC3, cv::Scalar(1, 2, 250)));
  EXPECT_EQ(read_rgb(file("a.png")).at<cv::Vec3b>(5, 5), cv::Vec3b(250, 2, 1));
}

TEST_F(AvsBenchPicture, MaskIsWhateverIsNotZero) {
  cv::Mat grey(20, 20, CV_8UC1, cv::Scalar(0));
  grey.at<uint8_t>(3, 4) = 1;
  grey.at<uint8_t>(3, 5) = 255;
  cv::Mat deep(20, 20, CV_16UC1, cv::Scalar(0));
  deep.at<uint16_t>(3, 4) = 7;
  deep.at<uint16_t>(3, 5) = 65535;
  cv::Mat colour(20, 20, CV_8UC4, cv::Scalar(0, 0, 0, 255));
  colour.at<cv::Vec4b>(3, 4) = {0, 0, 9, 255};
  colour.at<cv::Vec4b>(3, 5) = {8, 0, 0, 0};
  for (const cv::Mat& picture : {grey, deep, colour}) {
    cv::imwrite(file("m.png").string(), picture);
    const cv::Mat mask = read_binary_mask(file("m.png"));
    EXPECT_EQ(mask.type(), CV_8UC1);
    EXPECT_EQ(cv::countNonZero(mask), 2);
    EXPECT_EQ(mask.at<uint8_t>(3, 4), 255);
    EXPECT_EQ(mask.at<uint8_t>(3, 5), 255);
  }
}

TEST_F(AvsBenchPicture, SaysThatAPictureCannotBeDecoded) {
  write_text(file("bad.png"), "no picture");
  EXPECT_EQ(error_of([&] { read_rgb(file("bad.png")); }),
            file("bad.png").string() + " cannot be decoded; copy it again");
  EXPECT_EQ(error_of([&] { read_binary_mask(file("bad.png")); }),
            file("bad.png").string() + " cannot be decoded; copy it again");
}

TEST_F(AvsBenchPicture, SaysThatAPictureIsTooLargeToDecode) {
  cv::imwrite(file("a.jpg").string(), disc_picture({40, 30}, 0));
  std::string jpeg = read_plainly(file("a.jpg"));
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xfd\xe8\xfd\xe8");  // height and width
  write_text(file("a.jpg"), jpeg);
  EXPECT_NE(size_error(file("a.jpg")).find("is 65000 x 65000 pixels; both sides must lie in"),
            std::string::npos);
  const std::string text = error_of([&] { read_rgb(file("a.jpg")); });
  EXPECT_EQ(text.rfind(file("a.jpg").string() + " cannot be decoded (", 0), 0U) << text;
}

}  // namespace
}  // namespace lightavseg
