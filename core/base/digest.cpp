#include "core/base/digest.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <vector>

namespace hilum {

namespace {

constexpr std::uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::string hex(std::span<const std::uint8_t> bytes)
{
    constexpr char Digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const std::uint8_t b : bytes) {
        out += Digits[b >> 4];
        out += Digits[b & 15];
    }
    return out;
}

} // namespace

Sha256::Sha256() : m_state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {}

void Sha256::block(const std::uint8_t* p)
{
    std::uint32_t w[64];
    for (int i = 0; i < 16; ++i)
        w[i] = std::uint32_t{p[4 * i]} << 24 | std::uint32_t{p[4 * i + 1]} << 16 | std::uint32_t{p[4 * i + 2]} << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
        const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
        const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = m_state;
    for (int i = 0; i < 64; ++i) {
        const std::uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i];
        const std::uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const std::uint32_t add[8] = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i)
        m_state[i] += add[i];
}

void Sha256::update(std::span<const std::byte> data)
{
    const auto* p = reinterpret_cast<const std::uint8_t*>(data.data());
    std::size_t n = data.size();
    std::size_t have = m_length % 64;
    m_length += n;
    if (have > 0) {
        const std::size_t take = std::min(n, 64 - have);
        std::memcpy(m_buffer.data() + have, p, take);
        p += take, n -= take, have += take;
        if (have < 64)
            return;
        block(m_buffer.data());
    }
    for (; n >= 64; p += 64, n -= 64)
        block(p);
    if (n > 0)
        std::memcpy(m_buffer.data(), p, n);
}

std::array<std::uint8_t, 32> Sha256::finish()
{
    const std::uint64_t bits = m_length * 8;
    std::array<std::byte, 72> padding{std::byte{0x80}};
    const std::size_t zeros = (119 - m_length % 64) % 64; // so that length + 1 + zeros + 8 is a whole block
    std::size_t n = 1 + zeros;
    for (int i = 7; i >= 0; --i)
        padding[n++] = static_cast<std::byte>(bits >> (8 * i));
    update(std::span(padding.data(), n));
    std::array<std::uint8_t, 32> out;
    for (std::size_t i = 0; i < 32; ++i)
        out[i] = static_cast<std::uint8_t>(m_state[i / 4] >> (24 - 8 * (i % 4)));
    return out;
}

std::string Sha256::finishHex() { return hex(finish()); }

std::string sha256Hex(std::span<const std::byte> data)
{
    Sha256 sha;
    sha.update(data);
    return sha.finishHex();
}

std::string sha256Hex(std::string_view text) { return sha256Hex(std::as_bytes(std::span(text.data(), text.size()))); }

Result<std::string> sha256File(const std::filesystem::path& path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return std::unexpected(systemError("open", path.string(), errno));
    Sha256 sha;
    std::vector<std::byte> buffer(1 << 20);
    for (;;) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            const int error = errno;
            ::close(fd);
            return std::unexpected(systemError("read", path.string(), error));
        }
        if (n == 0)
            break;
        sha.update(std::span(buffer.data(), static_cast<std::size_t>(n)));
    }
    ::close(fd);
    return sha.finishHex();
}

std::string keyedHash(std::string_view key, std::string_view text)
{
    std::array<std::uint8_t, 64> k{};
    if (key.size() > 64) {
        Sha256 sha;
        sha.update(key);
        const auto short_ = sha.finish();
        std::memcpy(k.data(), short_.data(), short_.size());
    } else {
        std::memcpy(k.data(), key.data(), key.size());
    }
    std::array<std::byte, 64> pad;
    for (std::size_t i = 0; i < 64; ++i)
        pad[i] = static_cast<std::byte>(k[i] ^ 0x36);
    Sha256 inner;
    inner.update(pad);
    inner.update(text);
    const auto innerDigest = inner.finish();
    for (std::size_t i = 0; i < 64; ++i)
        pad[i] = static_cast<std::byte>(k[i] ^ 0x5c);
    Sha256 outer;
    outer.update(pad);
    outer.update(std::as_bytes(std::span(innerDigest)));
    return outer.finishHex();
}

} // namespace hilum
