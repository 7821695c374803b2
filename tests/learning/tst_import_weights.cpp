#include "core/base/format.h"
#include "core/learning/describe.h"
#include "core/learning/imports/architecture.h"
#include "core/learning/imports/import_weights.h"
#include "core/learning/masking.h"
#include "core/learning/model_file.h"
#include "core/learning/nn/bert.h"
#include "core/learning/nn/masked_autoencoder.h"
#include "core/learning/nn/report_decoder.h"
#include "core/learning/nn/swin_unetr.h"
#include "core/learning/nn/vision_transformer.h"
#include "core/learning/tensor_io.h"
#include "tests/support/write_checkpoint.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QTest>

#include <cstring>
#include <filesystem>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::learning::imports;
using namespace hilum::tests;

namespace {

MethodRegistry registry()
{
    MethodRegistry out;
    registerBuiltinMethods(out);
    return out;
}

/// Every value different from every initial one, so that a tensor that was not loaded shows.
TensorMap changed(const torch::nn::Module& module)
{
    TensorMap out;
    for (const auto& [name, tensor] : namedState(module))
        out[name] = at::isFloatingType(tensor.scalar_type()) ? tensor + 1 : tensor;
    return out;
}

MaskedAutoencoderSizes tinyMae()
{
    return {.imageSize = 32, .channels = 3, .strides = {8}, .tokeniserWidth = 16, .width = 16, .depth = 2, .heads = 4, .decoderWidth = 12, .decoderDepth = 1, .decoderHeads = 2};
}

/// What the output file holds, without `prefix`.
TensorMap written(const path& file)
{
    return readTensors(TensorFile::open(file).value());
}

double worst(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

} // namespace

/// The import cookbook: published names in, our models out, wrong files refused.
class TestImportWeights : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    path at_(const char* name) const { return path(m_folder.path().toStdString()) / name; }
    Result<Json> import(const char* layout, std::vector<std::string> settings = {}, double coverage = 0.95) const
    {
        return importWeights(registry(), {at_("in.pth"), at_("out.safetensors"), layout, coverage, std::move(settings)});
    }
private Q_SLOTS:
    void maeBecomesAModelThatCanBeOpened()
    {
        const MaskedAutoencoder network(tinyMae(), Rng(3));
        const TensorMap state = changed(network);
        writeCheckpoint(at_("in.pth"), state, "model");
        HILUM_VERIFY_ERROR(import("mae"), ErrorCode::Options); // width 16 is none of the published ones: heads are needed
        const auto untold = import("mae", {"heads=4", "decoder_heads=2"}); // decoders were published for both targets
        HILUM_VERIFY_ERROR(untold, ErrorCode::Options);
        QVERIFY2(untold.error().message.find("--set normalised_target=true") != std::string::npos, untold.error().message.c_str());
        const auto report = import("mae", {"heads=4", "decoder_heads=2", "normalised_target=true"});
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->at("coverage").get<double>(), 1.0);
        QCOMPARE(report->at("loaded").size(), state.size());
        for (const Json& name : report->at("loaded"))
            QVERIFY2(state.contains(name.get<std::string>()), jsonLine(name).c_str());
        QVERIFY(report->at("licence").get<std::string>().find("BY-NC") != std::string::npos);
        const auto model = openModel(at_("out.safetensors"));
        HILUM_VERIFY_OK(model);
        QVERIFY(model->metadata.at("licence").get<std::string>().find("non-commercial") != std::string::npos);
        QCOMPARE(model->metadata.at("options").at("normalised_target").get<bool>(), true);
        QCOMPARE(model->metadata.at("options").at("pixel_mean").size(), std::size_t(3));
        const auto method = loadMethod(registry(), *model);
        HILUM_VERIFY_OK(method);
        for (const auto& [name, tensor] : namedState((*method)->trainable()))
            QVERIFY2(at::equal(tensor, state.at(name)), name.c_str());
    }

    /// A whole decoder must not make up for an encoder that came only in part.
    void anEncoderInPartIsRefusedWhateverTheDecoder()
    {
        MaskedAutoencoderSizes sizes = tinyMae();
        sizes.decoderDepth = 12;
        const MaskedAutoencoder network(sizes, Rng(3));
        TensorMap state = changed(network);
        std::erase_if(state, [](const auto& item) { return item.first.starts_with("blocks.") && item.first.ends_with(".mlp.fc1.weight"); });
        writeCheckpoint(at_("in.pth"), state, "model");
        const std::vector<std::string> settings{"heads=4", "decoder_heads=2", "normalised_target=true"};
        const auto refused = import("mae", settings);
        HILUM_VERIFY_ERROR(refused, ErrorCode::Mismatch);
        QCOMPARE(refused.error().reason, std::string("coverage"));
        // two of the encoder's 30 tensors: 93 % of it, 99 % of all
        for (const char* word : {"of its encoder 28 of 30 (93.3 %)", "95 % of both", "missing blocks.0.mlp.fc1.weight"})
            QVERIFY2(refused.error().sentence().find(word) != std::string::npos, refused.error().sentence().c_str());
        const auto taken = import("mae", settings, 0.93);
        HILUM_VERIFY_OK(taken);
        QVERIFY2(taken->at("coverage").get<double>() > 0.95, jsonLine(taken->at("coverage")).c_str());
        QCOMPARE(taken->at("encoder_coverage").get<double>(), 28.0 / 30.0);
    }

    void publishedSizesAreThoseOfThePresets_data()
    {
        QTest::addColumn<QByteArray>("preset");
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("depth");
        QTest::addColumn<int>("patch");
        QTest::newRow("mae_pretrain_vit_base.pth") << QByteArray("vit-b16-224") << 768 << 12 << 16;
        QTest::newRow("mae_pretrain_vit_large.pth") << QByteArray("vit-l16-224") << 1024 << 24 << 16;
        QTest::newRow("mae_pretrain_vit_huge.pth") << QByteArray("vit-h14-224") << 1280 << 32 << 14;
    }
    void publishedSizesAreThoseOfThePresets()
    {
        QFETCH(QByteArray, preset);
        QFETCH(int, width);
        QFETCH(int, depth);
        QFETCH(int, patch);
        RenamedState state; // shapes alone: the files hold gigabytes
        const auto put = [&](const std::string& name, std::vector<std::int64_t> shape) { state.tensors[name].shape = std::move(shape); };
        put("cls_token", {1, 1, width});
        put("pos_embed", {1, 1 + 224 / patch * (224 / patch), width});
        put("patch_embed.proj.weight", {width, 3, patch, patch});
        for (int n = 0; n < depth; ++n)
            put(hilum::format("blocks.{}.attn.qkv.weight", n), {3 * width, width});
        const auto told = inferArchitecture(NetworkKind::MaskedAutoencoder, state);
        HILUM_VERIFY_OK(told);
        const MethodRegistry methods = registry();
        const auto entry = methods.find("mae");
        HILUM_VERIFY_OK(entry);
        const auto options = completeOptions(**entry, preset.toStdString(), Json::object());
        HILUM_VERIFY_OK(options);
        // no tensor tells the heads: they follow from the published widths
        for (const char* key : {"image_size", "channels", "tokeniser_strides", "tokeniser_width", "width", "depth", "heads", "decoder_width", "decoder_depth", "decoder_heads"})
            QVERIFY2(told->at(key) == options->at(key), hilum::format("{} is {} in the file and {} in the preset", key, jsonLine(told->at(key)), jsonLine(options->at(key))).c_str());
    }

    void encoderAloneLeavesTheDecoderUntrainedAndSaysSo()
    {
        const MaskedAutoencoder network(tinyMae(), Rng(3));
        TensorMap state = changed(network);
        std::erase_if(state, [](const auto& item) { return item.first.starts_with("decoder_") || item.first == "mask_token"; });
        writeCheckpoint(at_("in.pth"), state, "model");
        const auto report = import("mae", {"heads=4"});
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->at("coverage").get<double>(), 1.0);
        QVERIFY(report->at("fresh").size() > 20);
        QCOMPARE(openModel(at_("out.safetensors"))->metadata.at("options").at("decoder_width").get<int>(), 512);
    }

    void otherChannelsAndGridsAreAdapted()
    {
        const MaskedAutoencoder network(tinyMae(), Rng(3));
        const TensorMap state = changed(network);
        writeCheckpoint(at_("in.pth"), state, "model");
        const auto report = import("mae", {"heads=4", "decoder_heads=2", "normalised_target=true", "channels=1", "image_size=64", "pixel_mean=0.5", "pixel_std=0.5"}, 0.9);
        HILUM_VERIFY_OK(report);
        const TensorMap out = written(at_("out.safetensors"));
        // a grey image answers as the same image in three channels did
        QVERIFY(worst(out.at("patch_embed.proj.weight"), state.at("patch_embed.proj.weight").sum(1, true)) < 1e-5);
        QCOMPARE(out.at("pos_embed").size(1), std::int64_t(65));
        QVERIFY(at::equal(out.at("pos_embed").slice(1, 0, 1), state.at("pos_embed").slice(1, 0, 1)));
        // decoder_pred predicts three channels: it cannot be kept, and is told
        QVERIFY(jsonLine(report->at("mismatched")).find("decoder_pred") != std::string::npos);
    }

    void hdxrayMaeFaithfulAndShortcut()
    {
        MaskedAutoencoderSizes sizes = tinyMae();
        sizes.channels = 1;
        sizes.imageSize = 64;
        sizes.strides = {2, 2, 1};
        const MaskedAutoencoder network(sizes, Rng(3));
        TensorMap state = changed(network);
        state["decoder_image.weight"] = at::zeros({1, 196});
        state["head.mlp.0.weight"] = at::zeros({4, 4});
        writeCheckpoint(at_("in.pth"), state, "student", [](std::string name) { return "module.backbone." + name; });
        const auto faithful = import("hdxray-mae", {"heads=4", "decoder_heads=2"});
        HILUM_VERIFY_OK(faithful);
        QCOMPARE(faithful->at("coverage").get<double>(), 1.0);
        QCOMPARE(faithful->at("dropped").size(), std::size_t(2));
        QCOMPARE(openModel(at_("out.safetensors"))->metadata.at("options").at("crop_scale_min"), Json(0.2)); // as published, not as in the first preset
        const auto shortcut = import("hdxray-mae-conv1", {"heads=4"});
        HILUM_VERIFY_OK(shortcut);
        QCOMPARE(shortcut->at("coverage").get<double>(), 1.0);
        const TensorMap out = written(at_("out.safetensors"));
        QVERIFY(at::equal(out.at("patch_embed.proj.weight"), state.at("patch_embed.conv1.weight")));
        QVERIFY(at::equal(out.at("patch_embed.proj.bias"), state.at("patch_embed.proj.bias"))); // as the published loader does
        QCOMPARE(out.at("pos_embed").size(1), std::int64_t(197)); // 16 x 16 places to 14 x 14
    }

    void gmmlBecomesAModelOfSpcxr()
    {
        const auto known = registry();
        if (!known.find("spcxr"))
            QSKIP("this build carries no spcxr (HILUM_METHODS)");
        const MethodEntry* const entry = known.find("spcxr").value();
        Json options = Json::object();
        for (const Json& field : entry->info.schema)
            options[field.at("key").get<std::string>()] = field.at("default");
        options.update({{"channels", 3}, {"pixel_mean", {0.485, 0.456, 0.406}}, {"pixel_std", {0.229, 0.224, 0.225}}});
        const auto method = entry->make(options, Rng(4));
        const TensorMap state = changed(method->trainable());
        writeCheckpoint(at_("in.pth"), state, "SiT_model", [](std::string name) { return "module." + name; });
        HILUM_VERIFY_ERROR(import("gmml", {"heads=4"}), ErrorCode::Options); // nor does it tell the blocks
        const auto report = import("gmml", {"heads=4", "reconstruction_blocks=2,3,4"});
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->at("coverage").get<double>(), 1.0);
        const auto model = openModel(at_("out.safetensors"));
        HILUM_VERIFY_OK(model);
        QCOMPARE(model->metadata.at("options").at("steps"), completeOptions(*entry, "vit-s16-224", Json::object())->at("steps")); // its published preset
        const auto loaded = loadMethod(known, *model);
        HILUM_VERIFY_OK(loaded);
        for (const auto& [name, tensor] : namedState((*loaded)->trainable()))
            QVERIFY2(at::equal(tensor, state.at(name)), name.c_str());
        // one grey channel: the patch embedding is summed, the head that predicted three is not kept
        const auto grey = import("gmml", {"heads=4", "reconstruction_blocks=2,3,4", "channels=1", "pixel_mean=0.5", "pixel_std=0.25"}, 0.9);
        HILUM_VERIFY_OK(grey);
        QCOMPARE(grey->at("adapted").size(), std::size_t(1));
        QVERIFY(jsonLine(grey->at("mismatched")).find("convTrans.weight") != std::string::npos);
    }

    /// Training options that no file tells must fit the grid of the file.
    void gmmlOfAnyGridIsImported_data()
    {
        QTest::addColumn<int>("side");
        QTest::addColumn<int>("patch");
        QTest::addColumn<int>("align");
        QTest::newRow("64 by 8") << 64 << 8 << 8;
        QTest::newRow("64 by 16") << 64 << 16 << 1; // rectangles of whole patches reach 3 of 4 tokens a side
        QTest::newRow("32 by 8") << 32 << 8 << 1;
        QTest::newRow("48 by 16") << 48 << 16 << 1;
        QTest::newRow("96 by 16") << 96 << 16 << 16;
        QTest::newRow("224 by 16") << 224 << 16 << 16; // as published
    }
    void gmmlOfAnyGridIsImported()
    {
        QFETCH(int, side);
        QFETCH(int, patch);
        QFETCH(int, align);
        const auto known = registry();
        if (!known.find("spcxr"))
            QSKIP("this build carries no spcxr (HILUM_METHODS)");
        const MethodEntry* const entry = known.find("spcxr").value();
        const auto options = completeOptions(*entry, "tiny", {{"image_size", side}, {"patch", patch}, {"align", 1}, {"width", 32}});
        HILUM_VERIFY_OK(options);
        const auto method = entry->make(*options, Rng(4));
        writeCheckpoint(at_("in.pth"), changed(method->trainable()), "SiT_model", [](std::string name) { return "module." + name; });
        const auto report = import("gmml", {"heads=4", "reconstruction_blocks=2,3,4"});
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->at("coverage").get<double>(), 1.0);
        QCOMPARE(openModel(at_("out.safetensors"))->metadata.at("options").at("align").get<int>(), align);
    }

    void swinLayoutsKeepTheirMergingOrder_data()
    {
        QTest::addColumn<QString>("layout");
        QTest::addColumn<int>("tensors");
        QTest::newRow("voco-ssl-head") << "voco-ssl-head" << 145;
        QTest::newRow("vocomni") << "vocomni" << 167;
        QTest::newRow("dae") << "dae" << 163;
        QTest::newRow("ssl-pretrained-weights") << "ssl-pretrained-weights" << 157;
        QTest::newRow("model-swinvit") << "model-swinvit" << 126;
    }
    void swinLayoutsKeepTheirMergingOrder()
    {
        QFETCH(QString, layout);
        QFETCH(int, tensors);
        const std::string id = layout.toStdString();
        SwinSizes sizes{.featureSize = 3, .heads = {3, 3, 3, 3}, .convolutionBeforeStage = id.starts_with("voco"), .merging = MergeMode::Legacy};
        if (id == "dae")
            sizes.embedding = VolumeEmbedding::ConvBlock;
        const SwinUnetr network(sizes, id == "dae" ? 1 : 2, Rng(1));
        TensorMap state = changed(network);
        const auto keep = [&](const std::string& name) {
            if (id == "voco-ssl-head")
                return name.starts_with("swinViT.") || name.starts_with("encoder");
            if (id == "model-swinvit")
                return name.starts_with("swinViT.");
            return id != "ssl-pretrained-weights" || !name.starts_with("out.");
        };
        std::erase_if(state, [&](const auto& item) { return !keep(item.first); });
        QCOMPARE(state.size(), std::size_t(tensors));
        const auto replaced = [](std::string name, std::string_view from, std::string_view to) {
            if (const auto at = name.find(from); at != std::string::npos)
                name.replace(at, from.size(), to);
            return name;
        };
        const auto published = [&](std::string name) {
            if (id.starts_with("voco"))
                return "module." + replaced(name, "swinViT", "swin_vit");
            if (id == "model-swinvit")
                return "module." + replaced(replaced(name, "swinViT.", ""), "linear", "fc");
            const bool swin = name.starts_with("swinViT.");
            name = replaced(name, "swinViT.", "encoder.");
            if (swin && id == "dae")
                name = replaced(name, ".mlp.linear", ".mlp.fc");
            return swin ? replaced(replaced(name, ".0.blocks.", ".0.0.blocks."), ".0.downsample.", ".0.0.downsample.") : name;
        };
        writeCheckpoint(at_("in.pth"), state, id.starts_with("voco") || id == "model-swinvit" ? "state_dict" : "model", published);
        const auto report = import(id.c_str());
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->at("loaded").size(), std::size_t(tensors));
        QCOMPARE(report->at("coverage").get<double>(), 1.0);
        QVERIFY(report->at("unexpected").empty());
        QCOMPARE(report->at("merging").get<std::string>(), std::string("legacy"));
        const TensorMap out = written(at_("out.safetensors"));
        for (const auto& [name, tensor] : state)
            QVERIFY2(at::equal(out.at(name), tensor), name.c_str());
        const auto file = TensorFile::open(at_("out.safetensors"));
        const Json metadata = file->metadataJson("hilum").value();
        QCOMPARE(metadata.at("merging").get<std::string>(), std::string("legacy"));
        QCOMPARE(metadata.at("encoder").at("architecture").at("merging").get<std::string>(), std::string("legacy"));
        QCOMPARE(metadata.at("encoder").at("architecture").at("axes").get<std::string>(), std::string("right, anterior, superior"));
        if (id != "dae") {
            HILUM_VERIFY_ERROR(openModel(at_("out.safetensors")), ErrorCode::Mismatch); // a network alone
            return;
        }
        // a model of the method, with the published input, its decoder used as it was trained
        const Json input = {{"kind", "volume"}, {"orientation", "RAS"}, {"spacing_mm", nullptr}, {"grey", "by-modality"}, {"window", {-1000, 1000}}, {"foreground", nullptr}, {"fit", "pad"},
            {"size", {96, 96, 96}}};
        QVERIFY2(metadata.at("pipeline") == input, jsonLine(metadata.at("pipeline")).c_str());
        QCOMPARE(metadata.at("options").at("crop_size"), (Json{96, 96, 96}));
        QCOMPARE(metadata.at("options").at("iso_spacing"), Json(0));
        HILUM_VERIFY_OK(import("dae", {"crop_size=64,64,32"})); // faster below
        const auto model = openModel(at_("out.safetensors"));
        HILUM_VERIFY_OK(model);
        const Json& options = model->metadata.at("options");
        QCOMPARE(options.at("merging").get<std::string>(), std::string("legacy"));
        QCOMPARE(options.at("hidden_states").get<std::string>(), std::string("raw"));
        QCOMPARE(options.at("feature_size").get<int>(), 3);
        const auto method = loadMethod(registry(), *model);
        HILUM_VERIFY_OK(method);
        const torch::NoGradGuard none;
        const auto shown = (*method)->reconstruct({{"image", at::rand({1, 32, 64, 64})}}, {{"seed", 1}});
        const at::Tensor corrupted = shown.arrays.at("corrupted").transpose(1, 3).contiguous().unsqueeze(0); // right, anterior, superior
        SwinUnetr plain(sizes, 1, Rng(2));
        HILUM_VERIFY_OK(loadState(plain, model->file));
        const at::Tensor embedded = plain.swin().embed(corrupted) * (1 - shown.arrays.at("channel_mask").to(at::kFloat)).view({1, 3, 1, 1, 1});
        QVERIFY(at::equal(plain.decode(plain.forward(corrupted, embedded, HiddenStates::Raw))[0].transpose(1, 3), shown.arrays.at("reconstruction")));
    }

    void swinWithoutAKnownOrderNeedsOne()
    {
        const SwinUnetr network({.featureSize = 3, .heads = {3, 3, 3, 3}}, 2, Rng(1));
        TensorMap state = changed(network);
        writeCheckpoint(at_("in.pth"), state, "net");
        const auto without = importWeights(registry(), {at_("in.pth"), at_("none.safetensors"), "swinunetr", 0.95, {}});
        HILUM_VERIFY_ERROR(without, ErrorCode::Options);
        QVERIFY(!std::filesystem::exists(at_("none.safetensors")));
        HILUM_VERIFY_OK(import("swinunetr", {"merging=monai15"}));
        // a table of relative positions that is not ours is a mismatch, not a weight
        state["swinViT.layers1.0.blocks.0.attn.relative_position_index"] = state["swinViT.layers1.0.blocks.0.attn.relative_position_index"] + 1;
        writeCheckpoint(at_("in.pth"), state, "net");
        QCOMPARE(import("swinunetr", {"merging=monai15"})->at("mismatched").size(), std::size_t(1));
        // a file without these tables, which follow from the window, loses nothing, and what is written has them
        std::erase_if(state, [](const auto& item) { return item.first.ends_with("relative_position_index"); });
        QVERIFY(state.size() < namedState(network).size());
        writeCheckpoint(at_("in.pth"), state, "net");
        const auto bare = import("swinunetr", {"merging=monai15"});
        HILUM_VERIFY_OK(bare);
        QVERIFY(bare->at("missing").empty() && bare->at("coverage") == 1.0);
        QCOMPARE(written(at_("out.safetensors")).size(), namedState(network).size());
    }

    void textAndImageEncodersOfMgcaAndBert()
    {
        const Bert bert({.vocabulary = 40, .positions = 16, .width = 12, .depth = 2, .heads = 3, .hidden = 20}, Rng(1));
        const TensorMap state = changed(bert);
        writeCheckpoint(at_("in.pth"), state, "state_dict", [](std::string name) { return "bert." + name; });
        HILUM_VERIFY_OK(import("hf-bert", {"heads=3"}));
        for (const auto& [name, tensor] : state)
            QVERIFY2(at::equal(written(at_("out.safetensors")).at(name), tensor), name.c_str());
        // as a writer that did not pad the header left it
        HILUM_VERIFY_OK(writeTensors(at_("in.pth"), state));
        std::string text = *readTextFile(at_("in.pth"));
        std::uint64_t header = 0;
        std::memcpy(&header, text.data(), sizeof header);
        ++header;
        std::memcpy(text.data(), &header, sizeof header);
        text.insert(8 + header - 1, " ");
        HILUM_VERIFY_OK(writeFileAtomically(at_("in.pth"), text));
        HILUM_VERIFY_OK(import("hf-bert", {"heads=3"}));
        for (const auto& [name, tensor] : state)
            QVERIFY2(at::equal(written(at_("out.safetensors")).at(name), tensor), name.c_str());
        writeCheckpoint(at_("in.pth"), state, "state_dict", [](std::string name) { return "text_encoder_q.model." + name; });
        HILUM_VERIFY_OK(import("mgca-text", {"heads=3"}));
        const VisionTransformer vit({.imageSize = 32, .patch = 8, .channels = 3, .width = 192, .depth = 1}, Rng(1));
        writeCheckpoint(at_("in.pth"), changed(vit), "state_dict", [](std::string name) { return "img_encoder_q.model." + name; });
        const auto image = import("mgca-image");
        HILUM_VERIFY_OK(image);
        QCOMPARE(image->at("architecture").at("heads").get<int>(), 3);
    }

    void reportDecoderOfR2gen()
    {
        const ReportDecoder network({.width = 16, .hidden = 24, .features = 10, .layers = 2, .heads = 4, .slots = 3, .memoryHeads = 2, .vocabulary = 11}, Rng(5));
        TensorMap state = changed(network);
        state["visual"] = at::zeros({2});
        writeCheckpoint(at_("in.pth"), state, "state_dict", [](std::string name) { return name == "visual" ? "visual_extractor.model.0.weight" : "encoder_decoder." + name; });
        const auto report = import("r2gen", {"heads=4", "memory_heads=2"});
        HILUM_VERIFY_OK(report);
        QCOMPARE(report->at("dropped").size(), std::size_t(1));
        QCOMPARE(report->at("coverage").get<double>(), 1.0);
    }

    void wrongFilesAreRefusedAndNothingIsWritten()
    {
        const path out = at_("never.safetensors");
        const auto refused = [&](const char* layout, std::vector<std::string> settings) {
            auto result = importWeights(registry(), {at_("in.pth"), out, layout, 0.95, std::move(settings)});
            return result ? Error{.message = "accepted"} : result.error();
        };
        const MaskedAutoencoder network(tinyMae(), Rng(3));
        TensorMap state = changed(network);
        writeCheckpoint(at_("in.pth"), state, "model");
        QCOMPARE(refused("voco-ssl-head", {}).code, ErrorCode::Mismatch);
        const Error unknown = refused("resnet", {});
        QCOMPARE(unknown.code, ErrorCode::NotFound);
        QVERIFY(unknown.message.find("hf-bert") != std::string::npos);
        QCOMPARE(refused("mae", {"heads=4", "decoder_heads=2", "nonsense=1"}).code, ErrorCode::Options);
        // a block by name alone, and a network that is larger than the memory there is
        TensorMap named = state;
        named["blocks.2.norm1.weight"] = at::ones({1});
        writeCheckpoint(at_("in.pth"), named, "model");
        const Error bare = refused("mae", {"heads=4", "decoder_heads=2", "normalised_target=false"});
        QCOMPARE(bare.code, ErrorCode::Mismatch);
        QVERIFY2(bare.sentence().find("blocks.2.attn.qkv.weight is missing") != std::string::npos, bare.sentence().c_str());
        writeCheckpoint(at_("in.pth"), state, "model");
        qputenv("HILUM_MEMORY_LIMIT", "1000");
        const Error large = refused("mae", {"heads=4", "decoder_heads=2", "normalised_target=false"});
        qunsetenv("HILUM_MEMORY_LIMIT");
        QCOMPARE(large.code, ErrorCode::TooLarge);
        QVERIFY2(large.message.find("for its weights alone, and HILUM_MEMORY_LIMIT leaves 1.0 kB") != std::string::npos, large.message.c_str());
        // a fifth of the tensors under other names
        TensorMap partly;
        int i = 0;
        for (const auto& [name, tensor] : state)
            partly[name.starts_with("blocks.") && ++i % 3 == 0 ? "other." + name : name] = tensor;
        writeCheckpoint(at_("in.pth"), partly, "model");
        const Error error = refused("mae", {"heads=4", "decoder_heads=2", "normalised_target=false"});
        QCOMPARE(error.code, ErrorCode::Mismatch);
        QCOMPARE(error.reason, std::string("coverage"));
        for (const char* word : {"95 %", "missing blocks.", "unexpected other.blocks."})
            QVERIFY2(error.sentence().find(word) != std::string::npos, error.sentence().c_str());
        QVERIFY(!std::filesystem::exists(out));
        HILUM_VERIFY_OK(import("mae", {"heads=4", "decoder_heads=2", "normalised_target=false"}, 0.5));
    }
};

QTEST_APPLESS_MAIN(TestImportWeights)
#include "tst_import_weights.moc"
