#include "core/learning/kernels/instruction_set.h"
#include "core/learning/masking.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/torch_guard.h"
#include "tests/support/compare.h"
#include "tests/support/make_parity_case.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <cmath>
#include <filesystem>
#include <optional>
#include <tuple>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

namespace {

ParityRegistry registry() { return parityOf(registerSharedParity); }

MaskedAutoencoderSizes small()
{
    return {.imageSize = 16, .channels = 1, .strides = {4}, .tokeniserWidth = 16, .width = 16, .depth = 2, .heads = 2, .decoderWidth = 12, .decoderDepth = 1, .decoderHeads = 2};
}

/// What case.json says of small().
Json sizesOfSmall()
{
    return {{"kind", "mae"}, {"image_size", 16}, {"patch_size", 4}, {"channels", 1}, {"embed_dim", 16}, {"depth", 2}, {"heads", 2}, {"decoder_dim", 12}, {"decoder_depth", 1},
        {"decoder_heads", 2}, {"mask_ratio", 0.5}, {"norm_pix", false}, {"tolerance_abs", 1e-5}};
}

/// Two images, the noise of their masks, and what the network makes of them.
TensorMap arraysOf(const MaskedAutoencoder& network)
{
    const torch::NoGradGuard none;
    torch::manual_seed(3);
    const at::Tensor image = at::randn({2, 1, 16, 16}), noise = at::rand({2, 16});
    const TokenMask mask = uniformMask(noise, 0.5);
    const at::Tensor latent = network.encode(image, mask);
    return {{"image", image}, {"noise", noise}, {"latent", latent}, {"pred", network.decode(latent, mask)}};
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

/// How `hilum-worker parity` finds a case, and what a case may say about its network.
class TestParity : public QObject {
    Q_OBJECT

    std::optional<TemporaryFolder> m_folder;
    path at_(const char* name) const { return m_folder->where() / name; }

private Q_SLOTS:
    void init() { m_folder.emplace(*TemporaryFolder::make("hilum-test")); }
    void cleanup() { m_folder.reset(); }

    void namesOfFilesMeanNothing()
    {
        const MaskedAutoencoder network(small(), Rng(2));
        writeParityCase(m_folder->where(), sizesOfSmall(), arraysOf(network), network);
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
        std::filesystem::rename(at_("case.safetensors"), at_("numbers.safetensors"));
        for (const char* name : {"weights.ckpt", "weights.pt", "weights.pth"}) {
            std::filesystem::rename(at_("checkpoint.pth"), at_(name));
            QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
            std::filesystem::rename(at_(name), at_("checkpoint.pth"));
        }
        // the usual name comes first, whatever lies beside it
        std::filesystem::copy_file(at_("checkpoint.pth"), at_("other.pth"));
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());

        std::filesystem::rename(at_("checkpoint.pth"), at_("weights.pt"));
        const std::string checkpoints = missedBy(registry(), m_folder->where());
        QVERIFY2(holds(checkpoints, "holds no checkpoint.pth and 2 files that end with .pth, .pt, .ckpt, where one would be taken: other.pth, weights.pt"), checkpoints.c_str());
        std::filesystem::remove(at_("weights.pt"));
        std::filesystem::remove(at_("other.pth"));
        const std::string noCheckpoint = missedBy(registry(), m_folder->where());
        QVERIFY2(holds(noCheckpoint, "holds no checkpoint.pth and no other file that ends with .pth, .pt, .ckpt"), noCheckpoint.c_str());

        std::filesystem::copy_file(at_("numbers.safetensors"), at_("more.safetensors"));
        const auto several = runParity(registry(), m_folder->where());
        HILUM_VERIFY_ERROR(several, ErrorCode::Mismatch);
        QVERIFY2(holds(several.error().message, "more.safetensors, numbers.safetensors"), several.error().message.c_str());
        std::filesystem::remove(at_("more.safetensors"));
        std::filesystem::remove(at_("numbers.safetensors"));
        HILUM_VERIFY_ERROR(runParity(registry(), m_folder->where()), ErrorCode::NotFound);
    }

    /// What says where a case comes from may be anything.
    void theSourceIsPassedOn()
    {
        const MaskedAutoencoder network(small(), Rng(2));
        for (const auto& [source, said] : {std::pair{Json("a/b"), "a/b"}, {Json(), ""}, {Json{"a", 1}, R"(["a",1])"}}) {
            Json json = sizesOfSmall();
            json["source"] = source;
            json["tolerance_rel"] = nullptr;
            writeParityCase(m_folder->where(), json, arraysOf(network), network);
            const auto result = runParity(registry(), m_folder->where());
            HILUM_VERIFY_OK(result);
            QVERIFY(result->at("passed").get<bool>());
            QCOMPARE(result->at("source").get<std::string>(), std::string(said));
        }
    }

    /// Rounding of the program's own kernels alone is no miss, whatever the tolerance.
    void libTorchsOwnOperationsAreTriedToo()
    {
        const MaskedAutoencoder network(small(), Rng(2));
        Json json = sizesOfSmall();
        json["tolerance_abs"] = 0;
        kernels::limitInstructionSet(kernels::InstructionSet::Off);
        const TensorMap arrays = arraysOf(network);
        kernels::limitInstructionSet(kernels::bestInstructionSet());
        writeParityCase(m_folder->where(), json, arrays, network);
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
        QVERIFY(kernels::instructionSet() == kernels::bestInstructionSet());
    }

    /// int(16 x 0.05) = 0: the published code encodes the class token alone.
    void aCaseMayHideEveryToken()
    {
        const torch::NoGradGuard none;
        const MaskedAutoencoder network(small(), Rng(2));
        torch::manual_seed(3);
        const at::Tensor image = at::randn({2, 1, 16, 16}), noise = at::rand({2, 16});
        const at::Tensor restore = std::get<1>(std::get<1>(noise.sort(1)).sort(1));
        const TokenMask mask{.keep = at::zeros({2, 0}, at::kLong), .restore = restore, .hidden = at::ones({2, 16}), .filler = {}};
        const at::Tensor latent = network.encode(image, mask);
        QCOMPARE(latent.size(1), std::int64_t(1));
        QVERIFY(at::equal(latent[0], latent[1])); // nothing of the images is seen
        Json json = sizesOfSmall();
        json["mask_ratio"] = 0.95;
        writeParityCase(m_folder->where(), json, {{"image", image}, {"noise", noise}, {"ids_restore", restore}, {"mask", mask.hidden}, {"latent", latent}, {"pred", network.decode(latent, mask)}}, network);
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
    }

    /// The same where two regions have ratios of their own: of 2 x 2 tokens one is inside, int(0.05) = 0 and int(3 x 0.15) = 0 stay.
    void aCaseMayHideBothRegions()
    {
        const torch::NoGradGuard none;
        MaskedAutoencoderSizes sizes = small();
        sizes.strides = {4, 2, 1};
        const MaskedAutoencoder network(sizes, Rng(2));
        torch::manual_seed(3);
        const at::Tensor image = at::randn({2, 1, 16, 16});
        // outside lie tokens 0, 1 and 2, hidden by rising noise and before token 3
        const at::Tensor outer = at::tensor({0.7f, 0.2f, 0.5f, 0.1f, 0.6f, 0.3f}).reshape({2, 3}), inner = at::tensor({0.1f, 0.9f}).reshape({2, 1});
        const at::Tensor restore = at::tensor({2, 0, 1, 3, 0, 2, 1, 3}, at::kLong).reshape({2, 4});
        const TokenMask mask{.keep = at::zeros({2, 0}, at::kLong), .restore = restore, .hidden = at::ones({2, 4}), .filler = {}};
        const at::Tensor latent = network.encode(image, mask);
        QCOMPARE(latent.sizes().vec(), (std::vector<std::int64_t>{2, 1, 16}));
        Json json = sizesOfSmall();
        json.erase("patch_size");
        json.erase("mask_ratio");
        json.update({{"kind", "hdxray-mae"}, {"region", "as-released"}, {"tokeniser_strides", {4, 2, 1}}, {"tokeniser_width", 16}, {"mask_ratio_inner", 0.95}, {"mask_ratio_outer", 0.85}});
        writeParityCase(m_folder->where(), json,
            {{"image", image}, {"noise_outer", outer}, {"noise_inner", inner}, {"ids_restore", restore}, {"mask", mask.hidden}, {"latent", latent}, {"pred", network.decode(latent, mask)}}, network);
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
        // a training is refused all the same
        QVERIFY_THROWS_EXCEPTION(OptionsFault, regionMask(at::rand({1, 4}), publishedRectangle({2, 2}).unsqueeze(0), 0.95, 0.85));
        QVERIFY_THROWS_EXCEPTION(OptionsFault, uniformMask(at::rand({1, 4}), 0.95));
    }

    void epsilonIsAddedToTheVariance()
    {
        LayerNorm norm(4);
        norm.epsilon = 0.75;
        const at::Tensor x = at::tensor({1.0, 3.0, 1.0, 3.0}, at::kFloat).reshape({1, 4}), expected = (x - 2) / std::sqrt(1.75); // mean 2, variance 1
        QVERIFY((norm.forward(x) - expected).abs().max().item<double>() < 1e-6);
        QVERIFY((norm.fork(x).normalised - expected).abs().max().item<double>() < 1e-6);
    }

    void aCaseNamesEpsilonAndMlpRatio()
    {
        MaskedAutoencoderSizes sizes = small();
        sizes.mlpRatio = 2;
        MaskedAutoencoder network(sizes, Rng(2));
        for (const auto& module : network.modules(/*include_self=*/false))
            if (auto* norm = dynamic_cast<LayerNorm*>(module.get()))
                norm->epsilon = 0.1;
        Json json = sizesOfSmall();
        json.update({{"mlp_ratio", 2}, {"layer_norm_eps", 0.1}, {"qkv_bias", true}});
        writeParityCase(at_("named"), json, arraysOf(network), network);
        QCOMPARE(missedBy(registry(), at_("named")), std::string());
        json.erase("layer_norm_eps");
        writeParityCase(at_("plain"), json, arraysOf(network), network);
        QCOMPARE(missedBy(registry(), at_("plain")), std::string("latent pred"));
    }

    void aCaseMayNameAFractionOfTheWidth()
    {
        // public codes: int(width * ratio); 100 * 2.3 is below 230 in double
        for (const auto& [width, ratio, hidden] : {std::tuple{64, 2.67, 170}, {96, 2.6, 249}, {96, 3.3, 316}, {16, 2.6, 41}, {100, 2.3, 229}, {768, 4.0, 3072}})
            QCOMPARE(mlpWidth(width, ratio), std::int64_t(hidden));
        MaskedAutoencoderSizes sizes = small();
        sizes.mlpRatio = 2.6;
        const MaskedAutoencoder network(sizes, Rng(2));
        const auto weights = network.named_parameters();
        QCOMPARE(weights["blocks.0.mlp.fc1.weight"].size(0), std::int64_t(41));         // 41.6
        QCOMPARE(weights["decoder_blocks.0.mlp.fc1.weight"].size(0), std::int64_t(31)); // 31.2
        Json json = sizesOfSmall();
        json["mlp_ratio"] = 2.6;
        writeParityCase(m_folder->where(), json, arraysOf(network), network);
        QCOMPARE(missedBy(registry(), m_folder->where()), std::string());
    }

    void whatIsNotBuiltIsRefusedByName_data()
    {
        QTest::addColumn<QByteArray>("kind");
        QTest::addColumn<QByteArray>("option");
        QTest::addColumn<QByteArray>("says");
        QTest::newRow("no bias, mae") << QByteArray("mae") << QByteArray(R"({"qkv_bias": false})") << QByteArray(R"("qkv_bias" of case.json is false; the network is built with true alone)");
        QTest::newRow("no bias, swin") << QByteArray("swinunetr") << QByteArray(R"({"qkv_bias": false})") << QByteArray(R"("qkv_bias" of case.json is false)");
        QTest::newRow("ratio, swin") << QByteArray("swinunetr") << QByteArray(R"({"mlp_ratio": 3.5})") << QByteArray(R"("mlp_ratio" of case.json is 3.5; the network is built with 4 alone)");
        QTest::newRow("eps, swin") << QByteArray("swinunetr") << QByteArray(R"({"layer_norm_eps": 1e-6})") << QByteArray(R"("layer_norm_eps" of case.json is 1e-06; the network is built with 1e-05 alone)");
        QTest::newRow("heads, swin") << QByteArray("swinunetr") << QByteArray(R"({"mlp_ratio": 4, "heads": "3,6"})") << QByteArray(R"("heads" of case.json is "3,6", where a list of whole numbers is expected)");
        QTest::newRow("tolerance") << QByteArray("mae") << QByteArray(R"({"tolerance_abs": "1e-4"})") << QByteArray(R"("tolerance_abs" of case.json is "1e-4", where a number is expected)");
        QTest::newRow("window, swin") << QByteArray("swinunetr") << QByteArray(R"({"mlp_ratio": 4.0, "heads": [3, 6], "window": [7, 7, 3]})") << QByteArray("window = [7,7,3] is no cube: one number or three equal ones are needed");
    }
    void whatIsNotBuiltIsRefusedByName()
    {
        QFETCH(QByteArray, kind);
        QFETCH(QByteArray, option);
        QFETCH(QByteArray, says);
        const MaskedAutoencoder network(small(), Rng(2)); // refused before weights are looked at
        Json json = sizesOfSmall();
        json["kind"] = kind.toStdString();
        json.update(Json::parse(option.toStdString()));
        writeParityCase(m_folder->where(), json, arraysOf(network), network);
        const std::string said = missedBy(registry(), m_folder->where());
        QVERIFY2(holds(said, says.toStdString()), said.c_str());
    }
};

QTEST_APPLESS_MAIN(TestParity)
#include "tst_parity.moc"
