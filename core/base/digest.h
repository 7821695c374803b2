#pragma once

#include "core/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace hilum {

/// SHA-256 (FIPS 180-4), streaming.
class Sha256 {
public:
    Sha256();
    void update(std::span<const std::byte> data);
    void update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }
    std::array<std::uint8_t, 32> finish(); ///< once
    std::string finishHex();               ///< 64 lower-case digits, as sha256sum prints

private:
    void block(const std::uint8_t* data);
    std::array<std::uint32_t, 8> m_state;
    std::array<std::uint8_t, 64> m_buffer{};
    std::uint64_t m_length = 0; // bytes
};

std::string sha256Hex(std::span<const std::byte> data);
std::string sha256Hex(std::string_view text);
Result<std::string> sha256File(const std::filesystem::path& path);

/// HMAC-SHA-256 (RFC 2104), hex: how patients and cases are named outside the database.
std::string keyedHash(std::string_view key, std::string_view text);

} // namespace hilum
