#pragma once

#include "core/base/job_protocol.h"
#include "core/base/tensor_file.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace hilum::tests {

/// Kinds of maps that lab_worker's methods have.
inline Json mapsOf(const std::string& method)
{
    if (method == "voco" || method == "dae")
        return Json::array({"occlusion"});
    return method == "unimedi" ? Json{"rollout", "mean", "head", "gradient"} : Json{"rollout", "mean", "head", "gradient", "occlusion"};
}

/// Says, as a worker between two parts of long work, that 3 of 8 blocks are done.
inline void tellBlocks(const Json& request)
{
    Json fields = {{"id", request.value("id", Json())}, {"done", 3}, {"total", 8}};
    std::puts(jsonLine(protocol::message(protocol::Progress, std::move(fields))).c_str());
    std::fflush(stdout);
}

/// A map of 2 x 2 x 2 blocks over the crop whose box is told, block n with the value (n + 1) / 10; of a radiograph as many blocks along each side as are named, block n with (n + 1) / 100.
/// What was asked is written to the file that LAB_WORKER_LOG names: "occlusion" and the centre.
inline Result<Json> occlusion(const Json& request, const Json& box, std::int64_t blocks)
{
    if (const char* named = std::getenv("LAB_WORKER_LOG"))
        std::ofstream(named, std::ios::app) << "occlusion " << request.value("crop_centre", Json()).dump() << '\n';
    const bool volume = !box.is_null();
    std::vector<float> map(static_cast<std::size_t>(volume ? 8 : blocks * blocks));
    for (std::size_t n = 0; n < map.size(); ++n)
        map[n] = static_cast<float>(n + 1) / (volume ? 10.0f : 100.0f);
    TensorFileWriter out;
    out.add<float>("attention_map", volume ? std::vector<std::int64_t>{2, 2, 2} : std::vector<std::int64_t>{blocks, blocks}, map);
    HILUM_TRY_STATUS(out.write(request.at("out").get<std::string>()));
    Json numbers = {{"minimum", map.front()}, {"maximum", map.back()}};
    if (volume)
        numbers["crop_box"] = box;
    return Json{{"out", request["out"]}, {"numbers", numbers}, {"kind_of", "occlusion"}, {"seconds", 0.01}, {"device", "cpu"}};
}

} // namespace hilum::tests
