#pragma once

#include "core/base/format.h"
#include "tests/support/make_checkpoint.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// Names as the published files have them, written down from the public codes and files, never made from ours: a name that is
/// wrong in our network is missed by them. Sizes are the least that show the difference: 3 features, widths of 8 and 16.
namespace hilum::tests {

using Shape = std::vector<std::int64_t>;
using Shapes = std::map<std::string, Shape>; ///< the names of a file

/// `name`.weight of this shape and `name`.bias of its first axis.
inline void put(Shapes& names, const std::string& name, const Shape& weight)
{
    names[name + ".weight"] = weight;
    names[name + ".bias"] = {weight.front()};
}

inline Shapes prefixed(const std::string& prefix, const Shapes& names)
{
    Shapes out;
    for (const auto& [name, shape] : names)
        out[prefix + name] = shape;
    return out;
}

/// A block of MAE, GMML and MGCA's image encoder: twelve tensors.
inline void putBlock(Shapes& names, const std::string& at, std::int64_t width)
{
    put(names, at + "norm1", {width});
    put(names, at + "attn.qkv", {3 * width, width});
    put(names, at + "attn.proj", {width, width});
    put(names, at + "norm2", {width});
    put(names, at + "mlp.fc1", {4 * width, width});
    put(names, at + "mlp.fc2", {width, 4 * width});
}

/// The Swin encoder, 126 tensors. \param stage what follows a stage's number: ".0." or ".0.0." \param mlp "linear" or "fc"
inline Shapes swin(const std::string& at, const std::string& stage, const std::string& mlp, std::int64_t window)
{
    Shapes names;
    put(names, at + "patch_embed.proj", {3, 1, 2, 2, 2});
    const std::int64_t tokens = window * window * window, side = 2 * window - 1;
    for (int k = 1; k <= 4; ++k) {
        const std::int64_t width = 3 << (k - 1);
        const std::string layer = hilum::format("{}layers{}{}", at, k, stage);
        for (int i = 0; i < 2; ++i) {
            const std::string block = hilum::format("{}blocks.{}.", layer, i);
            put(names, block + "norm1", {width});
            names[block + "attn.relative_position_bias_table"] = {side * side * side, 3};
            names[block + "attn.relative_position_index"] = {tokens, tokens};
            put(names, block + "attn.qkv", {3 * width, width});
            put(names, block + "attn.proj", {width, width});
            put(names, block + "norm2", {width});
            put(names, block + "mlp." + mlp + "1", {4 * width, width});
            put(names, block + "mlp." + mlp + "2", {width, 4 * width});
        }
        names[layer + "downsample.reduction.weight"] = {2 * width, 8 * width};
        put(names, layer + "downsample.norm", {8 * width});
    }
    return names;
}

/// SwinUNETR-v2's residual blocks before the stages: eight.
inline void putBlocksBefore(Shapes& names, const std::string& at)
{
    for (int k = 1; k <= 4; ++k)
        for (const char* conv : {"conv1", "conv2"})
            names[hilum::format("{}layers{}c.0.layer.{}.conv.weight", at, k, conv)] = {3 << (k - 1), 3 << (k - 1), 3, 3, 3};
}

/// The convolution blocks of SwinUNETR's encoder: eleven.
inline void putEncoders(Shapes& names)
{
    names["encoder1.layer.conv1.conv.weight"] = {3, 1, 3, 3, 3};
    names["encoder1.layer.conv2.conv.weight"] = {3, 3, 3, 3, 3};
    names["encoder1.layer.conv3.conv.weight"] = {3, 1, 1, 1, 1};
    const std::map<std::string, std::int64_t> widths{{"encoder2", 3}, {"encoder3", 6}, {"encoder4", 12}, {"encoder10", 48}};
    for (const auto& [name, width] : widths)
        names[name + ".layer.conv1.conv.weight"] = names[name + ".layer.conv2.conv.weight"] = Shape{width, width, 3, 3, 3};
}

/// SwinUNETR's decoder: twenty. Transposed convolutions are [in, out, ...].
inline void putDecoders(Shapes& names)
{
    const std::map<std::string, std::pair<std::int64_t, std::int64_t>> widths{{"decoder5", {48, 24}}, {"decoder4", {24, 12}}, {"decoder3", {12, 6}}, {"decoder2", {6, 3}}, {"decoder1", {3, 3}}};
    for (const auto& [name, inOut] : widths) {
        const auto [in, out] = inOut;
        names[name + ".transp_conv.conv.weight"] = {in, out, 2, 2, 2};
        names[name + ".conv_block.conv1.conv.weight"] = {out, 2 * out, 3, 3, 3};
        names[name + ".conv_block.conv2.conv.weight"] = {out, out, 3, 3, 3};
        names[name + ".conv_block.conv3.conv.weight"] = {out, 2 * out, 1, 1, 1};
    }
}

/// `conv3` of the blocks that keep their channels: MONAI 0.8 made it and never used it.
inline void putRedundant(Shapes& names)
{
    const std::map<std::string, std::int64_t> widths{{"encoder2", 3}, {"encoder3", 6}, {"encoder4", 12}, {"encoder10", 48}};
    for (const auto& [name, width] : widths)
        names[name + ".layer.conv3.conv.weight"] = {width, width, 1, 1, 1};
}

/// A norm of BERT: `weight` and `bias`, or `gamma` and `beta` as its first files have them.
inline void putNorm(Shapes& names, const std::string& name, bool old)
{
    names[name + (old ? ".gamma" : ".weight")] = names[name + (old ? ".beta" : ".bias")] = Shape{8};
}

/// Ten tensors.
inline void putAttention(Shapes& names, const std::string& at, bool old)
{
    for (const char* part : {"self.query", "self.key", "self.value", "output.dense"})
        put(names, at + part, {8, 8});
    putNorm(names, at + "output.LayerNorm", old);
}

/// BERT without its table of token types and its pooler: four tensors, and sixteen for each of two layers.
inline void putBert(Shapes& names, const std::string& at, bool old)
{
    names[at + "embeddings.word_embeddings.weight"] = {11, 8};
    names[at + "embeddings.position_embeddings.weight"] = {7, 8};
    putNorm(names, at + "embeddings.LayerNorm", old);
    for (int i = 0; i < 2; ++i) {
        const std::string layer = hilum::format("{}encoder.layer.{}.", at, i);
        putAttention(names, layer + "attention.", old);
        put(names, layer + "intermediate.dense", {12, 8});
        put(names, layer + "output.dense", {8, 12});
        putNorm(names, layer + "output.LayerNorm", old);
    }
}

/// pytorch_model.bin of bert-base and of Bio_ClinicalBERT: with the heads of its pre-training, norms called gamma and beta.
inline Shapes huggingFaceBert()
{
    Shapes names;
    putBert(names, "bert.", true);
    names["bert.embeddings.token_type_embeddings.weight"] = {2, 8};
    names["bert.embeddings.position_ids"] = {1, 7};
    put(names, "bert.pooler.dense", {8, 8});
    names["cls.predictions.bias"] = {11};
    put(names, "cls.predictions.transform.dense", {8, 8});
    putNorm(names, "cls.predictions.transform.LayerNorm", true);
    names["cls.predictions.decoder.weight"] = {11, 8};
    put(names, "cls.seq_relationship", {2, 8});
    return names;
}

/// A whole checkpoint of MGCA. Its text encoder has no token types, and attention to images in each layer that its training never ran.
inline Shapes mgca()
{
    Shapes names;
    const std::string image = "img_encoder_q.model.", text = "text_encoder_q.model.";
    names[image + "cls_token"] = {1, 1, 8};
    names[image + "pos_embed"] = {1, 17, 8};
    put(names, image + "patch_embed.proj", {8, 3, 8, 8});
    putBlock(names, image + "blocks.0.", 8);
    put(names, image + "norm", {8}); // 18
    putBert(names, text, false);     // 36
    names[text + "embeddings.position_ids"] = {1, 7};
    for (int i = 0; i < 2; ++i)
        putAttention(names, hilum::format("{}encoder.layer.{}.crossattention.", text, i), false); // 20
    for (const char* head : {"img_encoder_q.global_embed.head.", "img_encoder_q.local_embed.head.", "text_encoder_q.global_embed.head.", "text_encoder_q.local_embed.head."}) { // 48
        const std::string at = head;
        const bool convolution = at.contains("local_embed");
        put(names, at + "0", convolution ? Shape{6, 8, 1} : Shape{6, 8});
        put(names, at + "1", {6});
        put(names, at + "3", convolution ? Shape{4, 6, 1} : Shape{4, 6});
        for (const auto& [norm, width] : {std::pair{"1", 6}, {"4", 4}}) {
            names[at + norm + ".running_mean"] = names[at + norm + ".running_var"] = Shape{width};
            names[at + norm + ".num_batches_tracked"] = {};
        }
    }
    for (const char* layer : {"patch_local_atten_layer.", "word_local_atten_layer."}) { // 8
        const std::string at = layer;
        names[at + "in_proj_weight"] = {12, 4};
        names[at + "in_proj_bias"] = {12};
        put(names, at + "out_proj", {4, 4});
    }
    names["prototype_layer.weight"] = {5, 4};
    return names;
}

/// R2Gen: three sublayers of a decoder layer have norms that the memory of three slots changes.
inline Shapes r2gen()
{
    Shapes names;
    const std::string at = "encoder_decoder.", model = at + "model.";
    const auto linears = [&](const std::string& name) {
        for (const char* n : {"0", "1", "2", "3"})
            put(names, name + ".linears." + n, {8, 8});
    };
    const auto norm = [&](const std::string& name) { names[name + ".gamma"] = names[name + ".beta"] = Shape{8}; };
    const auto feedForward = [&](const std::string& layer) {
        put(names, layer + "feed_forward.w_1", {12, 8});
        put(names, layer + "feed_forward.w_2", {8, 12});
    };
    put(names, at + "att_embed.0", {8, 10});
    for (int i = 0; i < 2; ++i) {
        const std::string encoder = hilum::format("{}encoder.layers.{}.", model, i), decoder = hilum::format("{}decoder.layers.{}.", model, i);
        linears(encoder + "self_attn");
        feedForward(encoder);
        norm(encoder + "sublayer.0.norm");
        norm(encoder + "sublayer.1.norm");
        linears(decoder + "self_attn");
        linears(decoder + "src_attn");
        feedForward(decoder);
        for (const char* n : {"0", "1", "2"}) {
            const std::string changed = decoder + "sublayer." + n + ".norm";
            norm(changed);
            for (const char* change : {".mlp_gamma.", ".mlp_beta."}) {
                put(names, changed + change + "0", {8, 24});
                put(names, changed + change + "2", {8, 8});
            }
        }
    }
    norm(model + "encoder.norm");
    norm(model + "decoder.norm");
    names[model + "tgt_embed.0.lut.weight"] = {12, 8};
    names[model + "tgt_embed.1.pe"] = {1, 5000, 8};
    linears(model + "rm.attn");
    put(names, model + "rm.mlp.0", {8, 8});
    put(names, model + "rm.mlp.2", {8, 8});
    put(names, model + "rm.W", {16, 8});
    put(names, model + "rm.U", {16, 8});
    put(names, at + "logit", {12, 8}); // 158
    put(names, "visual_extractor.model.0", {4, 3, 7, 7});
    return names;
}

/// HD X-ray MAE as its training saves it, with the parts that its code does not define.
inline Shapes hdxrayMae()
{
    Shapes names;
    names["cls_token"] = {1, 1, 16};
    names["pos_embed"] = {1, 257, 16};
    names["mask_token"] = {1, 1, 12};
    names["decoder_pos_embed"] = {1, 257, 12};
    put(names, "patch_embed.conv1", {16, 1, 2, 2});
    put(names, "patch_embed.conv2", {16, 16, 2, 2});
    put(names, "patch_embed.proj", {16, 16, 1, 1});
    putBlock(names, "blocks.0.", 16);
    putBlock(names, "blocks.1.", 16);
    put(names, "norm", {16});
    put(names, "decoder_embed", {12, 16});
    putBlock(names, "decoder_blocks.0.", 12);
    put(names, "decoder_norm", {12});
    put(names, "decoder_pred", {16, 12}); // 54
    put(names, "decoder_image", {1, 196});
    Shapes out = prefixed("module.backbone.", names);
    put(out, "module.head.mlp.0", {4, 4});
    out["module.head.last_layer.weight_g"] = {4, 1};
    out["module.head.last_layer.weight_v"] = {4, 4};
    return out;
}

inline Shapes gmml()
{
    Shapes names;
    names["module.backbone.cls_token"] = {1, 1, 16};
    names["module.backbone.pos_embed"] = {1, 65, 16};
    put(names, "module.backbone.patch_embed.proj", {16, 3, 8, 8});
    for (const char* block : {"module.backbone.blocks.0.", "module.backbone.blocks.1.", "module.backbone.blocks.2.", "module.backbone.blocks.3."})
        putBlock(names, block, 16);
    put(names, "module.backbone.norm", {16});
    for (const char* layer : {"module.head_recons.mlp.0", "module.head_recons.mlp.2", "module.head_recons.mlp.4"})
        put(names, layer, {16, 16});
    names["module.head_recons.convTrans.weight"] = {16, 3, 8, 8};
    names["module.head_recons.convTrans.bias"] = {3};
    return names;
}

/// The encoder of SwinUNETR-v2. \param vit "swinViT." or "swin_vit."
inline Shapes vocoEncoder(const std::string& vit)
{
    Shapes names = swin(vit, ".0.", "linear", 2);
    putBlocksBefore(names, vit);
    putEncoders(names);
    return names;
}

/// What a layout makes of a file: how many tensors are loaded, left out, and at their first values because the file lacks them.
struct Published {
    std::string layout, wrapper;
    Shapes names;
    std::size_t loaded = 0, dropped = 0, fresh = 0;
    std::vector<std::pair<std::string, std::string>> places; ///< our name, the file's
    std::vector<std::string> settings = {};
    std::string beside = {}; ///< pickle operations for further keys of the file
    std::size_t opaque = 0;
};

/// What Lightning keeps beside the weights: settings and callbacks in classes of its own.
inline std::string lightning()
{
    PickleText p;
    p.text("pytorch-lightning_version").text("1.5.1").op("s");
    p.text("callbacks").op("}").global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint").op("}ss");
    p.text("hyper_parameters").global("pytorch_lightning.utilities.parsing", "AttributeDict").op(")\x81(");
    return p.text("img_encoder").text("vit_base").text("emb_dim").integer(128).op("us").bytes;
}

/// The arguments of a training, as argparse holds them.
inline std::string arguments()
{
    PickleText p;
    p.text("args").global("argparse", "Namespace").op(")\x81}(");
    return p.text("lr").real(5e-4).text("model").text("vit_small").op("ubs").bytes;
}

inline std::map<std::string, Published> publishedFiles()
{
    std::map<std::string, Published> files;
    files["Bio_ClinicalBERT, pytorch_model.bin"] = {"hf-bert", "", huggingFaceBert(), 39, 9, 0,
        {{"embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"}, {"encoder.layer.1.attention.output.LayerNorm.bias", "bert.encoder.layer.1.attention.output.LayerNorm.beta"},
            {"encoder.layer.0.attention.self.key.weight", "bert.encoder.layer.0.attention.self.key.weight"}, {"pooler.dense.bias", "bert.pooler.dense.bias"}},
        {"heads=2"}};
    files["MGCA, image encoder"] = {"mgca-image", "state_dict", mgca(), 18, 114, 0,
        {{"pos_embed", "img_encoder_q.model.pos_embed"}, {"blocks.0.attn.qkv.weight", "img_encoder_q.model.blocks.0.attn.qkv.weight"}, {"norm.weight", "img_encoder_q.model.norm.weight"}},
        {"heads=2"}, lightning(), 1};
    files["MGCA, text encoder"] = {"mgca-text", "state_dict", mgca(), 36, 96, 0,
        {{"embeddings.word_embeddings.weight", "text_encoder_q.model.embeddings.word_embeddings.weight"},
            {"encoder.layer.1.attention.self.query.weight", "text_encoder_q.model.encoder.layer.1.attention.self.query.weight"},
            {"encoder.layer.1.output.dense.weight", "text_encoder_q.model.encoder.layer.1.output.dense.weight"}},
        {"heads=2"}, lightning(), 1};

    Shapes swinvit = swin("", ".0.", "fc", 2);
    put(swinvit, "norm", {48});
    put(swinvit, "rotation_head", {4, 48});
    put(swinvit, "contrastive_head", {6, 48});
    swinvit["convTrans3d.weight"] = {48, 1, 2, 2, 2};
    swinvit["convTrans3d.bias"] = {1};
    files["model_swinvit.pt"] = {"model-swinvit", "state_dict", prefixed("module.", swinvit), 126, 8, 0,
        {{"swinViT.patch_embed.proj.weight", "module.patch_embed.proj.weight"}, {"swinViT.layers2.0.blocks.1.mlp.linear1.weight", "module.layers2.0.blocks.1.mlp.fc1.weight"},
            {"swinViT.layers4.0.downsample.reduction.weight", "module.layers4.0.downsample.reduction.weight"}}};

    Shapes ssl = swin("encoder.", ".0.0.", "linear", 2);
    putEncoders(ssl);
    putDecoders(ssl);
    put(ssl, "out.conv.conv", {1, 3, 1, 1, 1});
    ssl["encoder.mask_token"] = {1, 1, 3};
    put(ssl, "encoder.norm", {48});
    files["ssl_pretrained_weights.pth"] = {"ssl-pretrained-weights", "model", ssl, 157, 5, 2,
        {{"swinViT.layers3.0.blocks.1.mlp.linear2.bias", "encoder.layers3.0.0.blocks.1.mlp.linear2.bias"}, {"swinViT.layers1.0.downsample.norm.bias", "encoder.layers1.0.0.downsample.norm.bias"},
            {"encoder10.layer.conv2.conv.weight", "encoder10.layer.conv2.conv.weight"}, {"decoder5.transp_conv.conv.weight", "decoder5.transp_conv.conv.weight"}}};

    Shapes dae = swin("encoder.", ".0.0.", "fc", 7); // the method has windows of 7
    dae.erase("encoder.patch_embed.proj.weight");
    dae.erase("encoder.patch_embed.proj.bias");
    dae["encoder.patch_embed.proj.conv1.conv.weight"] = {3, 1, 3, 3, 3};
    dae["encoder.patch_embed.proj.conv2.conv.weight"] = {3, 3, 3, 3, 3};
    put(dae, "encoder.patch_embed.proj.norm1", {3});
    put(dae, "encoder.patch_embed.proj.norm2", {3});
    putEncoders(dae);
    putRedundant(dae);
    putDecoders(dae);
    put(dae, "out.conv.conv", {1, 3, 1, 1, 1});
    dae["encoder.mask_token"] = {1, 1, 3};
    put(dae, "encoder.norm", {48});
    files["DAE_SSL_WEIGHTS"] = {"dae", "model", dae, 163, 7, 0,
        {{"swinViT.patch_embed.proj.conv2.conv.weight", "encoder.patch_embed.proj.conv2.conv.weight"}, {"swinViT.layers4.0.blocks.0.mlp.linear1.bias", "encoder.layers4.0.0.blocks.0.mlp.fc1.bias"},
            {"encoder1.layer.conv3.conv.weight", "encoder1.layer.conv3.conv.weight"}, {"out.conv.conv.weight", "out.conv.conv.weight"}}};

    files["VoCo_B_SSL_head.pt"] = {"voco-ssl-head", "", vocoEncoder("swinViT."), 145, 0, 0,
        {{"swinViT.layers3c.0.layer.conv2.conv.weight", "swinViT.layers3c.0.layer.conv2.conv.weight"}, {"encoder10.layer.conv1.conv.weight", "encoder10.layer.conv1.conv.weight"}}};
    Shapes training = prefixed("module.backbone.", vocoEncoder("swinViT."));
    for (const char* projector : {"module.student.", "module.teacher."}) {
        put(training, projector + std::string("layer1.0"), {8, 72});
        put(training, projector + std::string("layer2.0"), {8, 8});
        put(training, projector + std::string("layer3.0"), {8, 8});
    }
    files["VoCo, checkpoint of a training"] = {"voco-ssl-head", "state_dict", training, 145, 12, 0,
        {{"swinViT.layers2.0.blocks.0.attn.qkv.weight", "module.backbone.swinViT.layers2.0.blocks.0.attn.qkv.weight"}}};
    Shapes omni = vocoEncoder("swin_vit.");
    putDecoders(omni);
    put(omni, "out.conv.conv", {5, 3, 1, 1, 1});
    files["VoComni_B.pt"] = {"vocomni", "net", prefixed("module.", omni), 167, 0, 0,
        {{"swinViT.layers1.0.blocks.1.norm2.weight", "module.swin_vit.layers1.0.blocks.1.norm2.weight"}, {"decoder1.conv_block.conv3.conv.weight", "module.decoder1.conv_block.conv3.conv.weight"},
            {"out.conv.conv.bias", "module.out.conv.conv.bias"}}};

    files["HD X-ray MAE, checkpoint"] = {"hdxray-mae", "student", hdxrayMae(), 54, 6, 0,
        {{"patch_embed.conv2.weight", "module.backbone.patch_embed.conv2.weight"}, {"decoder_blocks.0.mlp.fc2.weight", "module.backbone.decoder_blocks.0.mlp.fc2.weight"}},
        {"heads=4", "decoder_heads=2"}};
    files["GMML, checkpoint"] = {"gmml", "SiT_model", gmml(), 62, 0, 0,
        {{"backbone.blocks.3.mlp.fc1.weight", "module.backbone.blocks.3.mlp.fc1.weight"}, {"head_recons.mlp.4.weight", "module.head_recons.mlp.4.weight"}},
        {"heads=4", "reconstruction_blocks=2,3,4"}, arguments(), 1};
    files["R2Gen, checkpoint"] = {"r2gen", "state_dict", r2gen(), 158, 2, 0,
        {{"model.decoder.layers.1.sublayer.2.norm.mlp_beta.2.weight", "encoder_decoder.model.decoder.layers.1.sublayer.2.norm.mlp_beta.2.weight"},
            {"model.rm.U.weight", "encoder_decoder.model.rm.U.weight"}, {"logit.bias", "encoder_decoder.logit.bias"}},
        {"heads=2", "memory_heads=2"}};
    return files;
}

} // namespace hilum::tests
