#include "core/base/format.h"
#include "core/learning/nn/swin_unetr.h"
#include "plugins/methods/dae/dae_corruption.h"
#include "tests/support/compare.h"
#include "tests/support/make_parity_case.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <optional>

namespace hilum::learning {
void registerDaeParity(ParityRegistry& registry);
}

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

ParityRegistry registry() { return parityOf(registerDaeParity); }

SwinSizes sizes()
{
    return {.featureSize = 3, .depths = {1, 1, 1, 1}, .heads = {3, 3, 3, 3}, .merging = MergeMode::Legacy, .embedding = VolumeEmbedding::ConvBlock};
}

/// What case.json says of sizes(), without modalities and temperature.
Json sizesInWords(const std::string& disruption)
{
    return {{"kind", "dae"}, {"in_channels", 1}, {"out_channels", 1}, {"feature_size", 3}, {"depths", {1, 1, 1, 1}}, {"heads", {3, 3, 3, 3}}, {"window", {7, 7, 7}},
        {"patch_embedding", "conv-block"}, {"merging", "legacy"}, {"normalise_hidden", false}, {"disruption", disruption}, {"decimation", 4}, {"tolerance_abs", 1e-5}};
}

/// The given arrays, and what the network makes of an input and a changed embedding of it.
TensorMap arraysOf(const SwinUnetr& network, const TensorMap& given, const at::Tensor& corrupted, const at::Tensor& embedded)
{
    TensorMap out = given;
    const auto maps = network.forward(corrupted, embedded, HiddenStates::Raw);
    out["decimated"] = corrupted;
    out["hidden_0"] = maps.hidden[0];
    out["hidden_4"] = maps.hidden[4];
    out["reconstruction"] = network.decode(maps);
    out["loss_reconstruction"] = (out["reconstruction"] - given.at("image")).abs().mean().reshape({1});
    return out;
}

} // namespace

/// Parity cases of one disruption alone: each asks for what it needs, and no more.
class TestDaeParity : public QObject {
    Q_OBJECT

    std::optional<TemporaryFolder> m_folder;

private Q_SLOTS:
    void init() { m_folder.emplace(*TemporaryFolder::make("hilum-test")); }
    void cleanup() { m_folder.reset(); }

    void oneDisruptionAlone_data()
    {
        QTest::addColumn<QByteArray>("disruption");
        for (const char* disruption : {"denoise", "superres", "sld", "sld-noise", "sld_noise"})
            QTest::newRow(disruption) << QByteArray(disruption);
    }
    void oneDisruptionAlone()
    {
        QFETCH(QByteArray, disruption);
        const torch::NoGradGuard none;
        torch::manual_seed(4);
        const SwinUnetr network(sizes(), 1, Rng(2));
        const at::Tensor image = at::randn({1, 1, 64, 32, 32});
        TensorMap given{{"image", image}};
        at::Tensor corrupted = image;
        if (disruption == "denoise")
            given["noisy"] = corrupted = image + 0.3 * at::randn({1, 1, 64, 32, 32});
        if (disruption == "superres")
            corrupted = decimate(image, 4);
        at::Tensor embedded = network.swin().embed(corrupted);
        if (disruption.startsWith("sld")) {
            given["channel_mask"] = at::tensor({0.0, 1.0, 0.0}, at::kFloat);
            embedded = embedded.clone();
            if (disruption == "sld") {
                embedded.select(1, 1).zero_();
            } else {
                given["channel_noise"] = at::randn({1, 3, 32, 16, 16});
                embedded.select(1, 1).mul_(given["channel_noise"].select(1, 1)); // the other factors are not looked at
            }
        }
        writeParityCase(m_folder->where(), sizesInWords(disruption.toStdString()), arraysOf(network, given, corrupted, embedded), network);
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
    }

    /// The public code draws numbers for the chosen channels alone, and multiplies by a map that holds 1 elsewhere.
    void channelNoiseComesInThreeForms()
    {
        const torch::NoGradGuard none;
        torch::manual_seed(4);
        const SwinUnetr network(sizes(), 1, Rng(2));
        const at::Tensor image = at::randn({2, 1, 64, 32, 32}), mask = at::tensor({1.0, 0.0, 1.0}, at::kFloat), noise = at::randn({2, 2, 32, 16, 16});
        const at::Tensor factors = at::stack({noise.select(1, 0), at::ones({2, 32, 16, 16}), noise.select(1, 1)}, 1);
        const at::Tensor embedded = network.swin().embed(image) * factors;
        const auto missed = [&](const TensorMap& given) {
            writeParityCase(m_folder->where(), sizesInWords("sld_noise"), arraysOf(network, given, image, embedded), network);
            return missedBy(registry(), m_folder->where());
        };
        QCOMPARE(missed({{"image", image}, {"channel_mask", mask}, {"channel_noise", noise}}), std::string());
        QCOMPARE(missed({{"image", image}, {"channel_mask", mask.ne(0)}, {"channel_noise", factors}}), std::string());
        QCOMPARE(missed({{"image", image}, {"channel_mask", factors}}), std::string());
        QCOMPARE(missed({{"image", image}, {"channel_mask", mask.reshape({1, 3, 1, 1, 1})}, {"channel_noise", noise}}), std::string()); // it chooses, whatever its axes
        const std::string three = missed({{"image", image}, {"channel_mask", at::tensor({0.0, 1.0, 0.0}, at::kFloat)}, {"channel_noise", noise}});
        QVERIFY2(three.find("channel_noise of [2, 2, 32, 16, 16] has neither the 3 channels of the embedding nor the 1 chosen ones") != std::string::npos, three.c_str());
    }

    void whatIsMissingIsNamed()
    {
        const torch::NoGradGuard none;
        torch::manual_seed(4);
        const SwinUnetr network(sizes(), 1, Rng(2));
        const at::Tensor image = at::randn({1, 1, 64, 32, 32});
        const TensorMap arrays = arraysOf(network, {{"image", image}, {"channel_mask", at::tensor({0.0, 1.0, 0.0}, at::kFloat)}}, image, network.swin().embed(image));
        const auto said = [&](const char* disruption, const TensorMap& held) {
            writeParityCase(m_folder->where(), sizesInWords(disruption), held, network);
            return missedBy(registry(), m_folder->where());
        };
        for (const char* word : {"sld-noise", "sld_noise"}) {
            const std::string noise = said(word, arrays);
            QVERIFY2(noise.ends_with(hilum::format("disruption \"{}\" needs the array \"channel_noise\", what the chosen channels are multiplied by, and the case has none", word)), noise.c_str());
        }
        QVERIFY(said("blur", arrays).ends_with("is none of all, denoise, superres, sld, sld-noise"));
        // the contrastive loss brings its own two options
        TensorMap contrastive = arrays;
        contrastive["loss_cmcl_as_coded"] = at::zeros({1});
        const std::string loss = said("sld", contrastive);
        QVERIFY2(loss.find("modalities") != std::string::npos, loss.c_str());
        // half a channel is no channel less
        Json broken = sizesInWords("sld");
        broken["out_channels"] = 1.5;
        writeParityCase(m_folder->where(), broken, arrays, network);
        const std::string number = missedBy(registry(), m_folder->where());
        QVERIFY2(number.find("\"out_channels\" of case.json is 1.5, where a whole number is expected") != std::string::npos, number.c_str());
    }
};

QTEST_APPLESS_MAIN(TestDaeParity)
#include "tst_dae_parity.moc"
