#include "core/learning/imports/layouts.h"

namespace hilum::learning::imports {

namespace {

constexpr std::string_view MaeLicence = "CC BY-NC 4.0 (facebookresearch/mae): non-commercial research only";
constexpr std::string_view MedicalMaeLicence = "BSD-3-Clause (Event-AHU/Medical_Image_Analysis)";
constexpr std::string_view VoCoLicence = "Apache-2.0 (Luffy03/Large-Scale-Medical)";
constexpr std::string_view MonaiLicence = "Apache-2.0 (Project-MONAI)";
constexpr std::string_view Unstated = "not stated by its authors; do not redistribute";

const std::vector<std::string_view> VoCoWrappers{"state_dict", "network_weights", "net", "student", "model"};
const std::vector<std::string_view> Decoder{"decoder_", "mask_token"};

} // namespace

const std::vector<Layout>& layouts()
{
    static const std::vector<Layout> rows{
        // the input of the published files follows from their shapes: size, channels, and with three of these ImageNet's mean and deviation
        {.id = "mae", .title = "MAE, encoder alone or with decoder", .licence = MaeLicence, .network = NetworkKind::MaskedAutoencoder, .wrappers = {"model"},
            .prefixes = {"module."}, .drop = {}, .renames = {}, .optional = Decoder, .merging = {}, .method = "mae"},
        {.id = "hdxray-mae", .title = "HD X-ray MAE with its tokeniser of three convolutions", .licence = MedicalMaeLicence, .network = NetworkKind::MaskedAutoencoder,
            .wrappers = {"student", "model", "state_dict"}, .prefixes = {"module.", "base_encoder.", "momentum_encoder.", "backbone."}, .drop = {"head.", "decoder_image."},
            .renames = {}, .optional = Decoder, .merging = {}, .method = "hdxray-mae", .preset = "large-1280"},
        // the published downstream loader: first convolution as patches of 16, the bias of the last one, nothing of the others
        {.id = "hdxray-mae-conv1", .title = "HD X-ray MAE through its published shortcut: first convolution alone, patches of 16", .licence = MedicalMaeLicence,
            .network = NetworkKind::MaskedAutoencoder, .wrappers = {"student", "model", "state_dict"}, .prefixes = {"module.", "base_encoder.", "momentum_encoder.", "backbone."},
            .drop = {"head.", "decoder", "mask_token", "patch_embed.conv1.bias", "patch_embed.conv2.", "patch_embed.proj.weight"},
            .renames = {{"^patch_embed.conv1.weight", "patch_embed.proj.weight"}}, .optional = Decoder, .merging = {}, .method = "mae"},
        {.id = "gmml", .title = "GMML: backbone and reconstruction head", .licence = "GPL (Sara-Ahmed/GMML, as its page says; no licence file)", .network = NetworkKind::Gmml,
            .wrappers = {"SiT_model", "model", "state_dict"}, .prefixes = {"module."}, .drop = {}, .renames = {}, .optional = {"head_recons."}, .merging = {}, .method = "spcxr",
            .preset = "vit-s16-224"},
        {.id = "voco-ssl-head", .title = "VoCo: encoder of SwinUNETR-v2 (VoCo_B, L, H _SSL_head)", .licence = VoCoLicence, .network = NetworkKind::SwinUnetrEncoder, .wrappers = VoCoWrappers,
            .prefixes = {"module.", "backbone."}, .drop = {"student.", "teacher."}, .renames = {{"swin_vit", "swinViT"}}, .optional = {}, .merging = "legacy", .method = {}},
        {.id = "vocomni", .title = "VoComni: whole SwinUNETR-v2", .licence = VoCoLicence, .network = NetworkKind::SwinUnetr, .wrappers = VoCoWrappers,
            .prefixes = {"module.", "backbone."}, .drop = {"student.", "teacher."}, .renames = {{"swin_vit", "swinViT"}}, .optional = {"out."}, .merging = "legacy", .method = {}},
        // `mask_token` and `norm` belong to a branch that its publication never ran; `conv3` of blocks that keep their channels was made by MONAI 0.8 and never used
        {.id = "dae", .title = "DAE: SwinUNETR with a convolution block as patch embedding", .licence = MonaiLicence, .network = NetworkKind::SwinUnetr, .wrappers = {"model", "state_dict"},
            .prefixes = {"module."},
            .drop = {"encoder.mask_token", "encoder.norm.", "encoder2.layer.conv3.", "encoder3.layer.conv3.", "encoder4.layer.conv3.", "encoder10.layer.conv3."},
            .renames = {{"^encoder.", "swinViT."}, {".0.0.", ".0."}, {".mlp.fc", ".mlp.linear"}}, .optional = {}, .merging = "legacy", .method = "dae",
            .preset = "swinunetr-48"},
        // its output restores images: a task begins with an output of its own
        {.id = "ssl-pretrained-weights", .title = "MONAI's ssl_pretrained_weights.pth: SwinUNETR", .licence = MonaiLicence, .network = NetworkKind::SwinUnetr,
            .wrappers = {"model", "state_dict"}, .prefixes = {"module."},
            .drop = {"encoder.mask_token", "encoder.norm.", "encoder2.layer.conv3.", "encoder3.layer.conv3.", "encoder4.layer.conv3.", "encoder10.layer.conv3.", "out."},
            .renames = {{"^encoder.", "swinViT."}, {".0.0.", ".0."}, {".mlp.fc", ".mlp.linear"}}, .optional = {"out."}, .merging = "legacy", .method = {}},
        {.id = "model-swinvit", .title = "MONAI's model_swinvit.pt: the Swin encoder alone", .licence = MonaiLicence, .network = NetworkKind::SwinEncoder, .wrappers = {"state_dict", "model"},
            .prefixes = {"module.", "swinViT."}, .drop = {"norm.", "rotation_head.", "contrastive_head.", "convTrans3d.", "conv."}, // norm without use, heads of its pre-training
            .renames = {{"^", "swinViT."}, {".mlp.fc", ".mlp.linear"}}, .optional = {}, .merging = "legacy", .method = {}},
        {.id = "swinunetr", .title = "SwinUNETR of MONAI with any order of patch merging (--set merging=...)", .licence = "as its source says; ask there", .network = NetworkKind::SwinUnetr,
            .wrappers = {"state_dict", "net", "model"}, .prefixes = {"module.", "backbone."}, .drop = {}, .renames = {{"swin_vit", "swinViT"}, {".mlp.fc", ".mlp.linear"}}, .optional = {"out."},
            .merging = {}, .method = {}},
        {.id = "mgca-image", .title = "MGCA: its ViT-B/16 image encoder", .licence = Unstated, .network = NetworkKind::VisionTransformer, .wrappers = {"state_dict"}, .prefixes = {},
            .drop = {"text_encoder", "img_encoder_q.global_embed.", "img_encoder_q.local_embed.", "patch_local_atten_layer.", "word_local_atten_layer.", "prototype_layer."},
            .renames = {{"^img_encoder_q.model.", ""}}, .optional = {}, .merging = {}, .method = {}},
        {.id = "mgca-text", .title = "MGCA: its BERT text encoder", .licence = Unstated, .network = NetworkKind::Bert, .wrappers = {"state_dict"}, .prefixes = {},
            .drop = {"img_encoder", "text_encoder_q.global_embed.", "text_encoder_q.local_embed.", "patch_local_atten_layer.", "word_local_atten_layer.", "prototype_layer.",
                "text_encoder_q.model.embeddings.position_ids", "*.crossattention."}, // attention to images that its publication never ran
            .renames = {{"^text_encoder_q.model.", ""}}, .optional = {"pooler."}, .merging = {}, .method = {}},
        {.id = "r2gen", .title = "R2Gen: report decoder with relational memory", .licence = Unstated, .network = NetworkKind::ReportDecoder, .wrappers = {"state_dict"}, .prefixes = {"module."},
            .drop = {"visual_extractor."}, .renames = {{"^encoder_decoder.", ""}}, .optional = {}, .merging = {}, .method = {}},
        {.id = "hf-bert", .title = "BERT of Hugging Face Transformers", .licence = "as its source says; ask there", .network = NetworkKind::Bert, .wrappers = {"state_dict", "model"},
            .prefixes = {"module.", "bert."}, .drop = {"cls.", "classifier.", "embeddings.position_ids"},
            .renames = {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}}, .optional = {"pooler."}, .merging = {}, .method = {}},
    };
    return rows;
}

Result<const Layout*> findLayout(std::string_view id)
{
    std::string known;
    for (const Layout& layout : layouts()) {
        if (layout.id == id)
            return &layout;
        known += (known.empty() ? "" : ", ") + std::string(layout.id);
    }
    return fail(ErrorCode::NotFound, "no layout is called \"{}\"; there are {}", id, known);
}

} // namespace hilum::learning::imports
