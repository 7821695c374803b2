#include "app/hilum/commands/command.h"
#include "app/hilum/demo_models.h"
#include "core/imaging/demo_data.h"
#include "core/services/worker_program.h"

#include <memory>

namespace hilum::commands {

Run declareDemoData(CLI::App& verb)
{
    verb.description("makes the fixtures of the acceptance journeys, or demo studies of made-up people");
    struct Arguments {
        std::string folder, preset = "small";
        std::uint64_t seed = 1;
        int studies = 0, films = 0;
        bool withoutModels = false;
    };
    auto a = std::make_shared<Arguments>();
    verb.add_option("DIR", a->folder, "where to; made when missing")->required();
    verb.add_option("--seed", a->seed, "same seed, same files");
    verb.add_option("--studies", a->studies, "makes that many studies (CT, radiograph, labels, report) and labels.csv with their findings, instead of the fixtures")->check(CLI::Range(1, 100000));
    verb.add_option("--films", a->films, "makes that many radiographs as PNG with a table of their findings instead: a cohort to train and test on")->check(CLI::Range(2, 100000));
    verb.add_option("--preset", a->preset, "size of the studies: tiny, small or full")->check(CLI::IsMember({"tiny", "small", "full"}));
    verb.add_flag("--without-models", a->withoutModels, "leaves models/ out, which are trained on the fixtures' radiographs in about a minute");
    return [=]() -> Status {
        using imaging::ThoraxPreset;
        const Work work = consoleWork();
        const ThoraxPreset preset = a->preset == "tiny" ? ThoraxPreset::Tiny : a->preset == "small" ? ThoraxPreset::Small : ThoraxPreset::Full;
        if (a->films > 0 && a->studies > 0)
            return fail(ErrorCode::Usage, "--films makes radiographs alone, --studies whole studies; choose one");
        if (a->films > 0) {
            HILUM_TRY_STATUS(imaging::writeCohort(a->folder, a->seed, a->films, preset, work));
        } else if (a->studies == 0) {
            if (!a->withoutModels)
                if (const auto worker = services::workerProgram(); !worker)
                    return fail(worker.error().code, "{}; --without-models makes the rest", worker.error().message);
            HILUM_TRY_STATUS(imaging::writeFixtures(a->folder, a->seed, work));
            if (!a->withoutModels)
                HILUM_TRY_STATUS(app::writeDemoModels(a->folder, a->seed, work));
        } else {
            HILUM_TRY_STATUS(imaging::writeDemoStudies(a->folder, a->seed, a->studies, preset, work));
        }
        print(a->folder);
        return {};
    };
}

} // namespace hilum::commands
