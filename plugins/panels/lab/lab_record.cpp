// The Lab's records: provenance dialog, exported figures. The rest of LabPanel is in lab_panel.cpp.
#include "plugins/panels/lab/lab_panel.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/options_json.h"
#include "core/services/prepared_case.h"
#include "core/services/result_pictures.h"
#include "plugins/panels/lab/lab_form.h"
#include "widgets/shell/messages.h"

#include <QApplication>
#include <QBuffer>
#include <QClipboard>
#include <QDialog>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFontDatabase>
#include <QFormLayout>
#include <QLabel>
#include <QPainter>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>

namespace hilum::lab {

namespace {

constexpr char FigureSchema[] = "hilum.figure/1";

/// Where the open series lies.
struct SourceFiles {
    std::vector<path> files; ///< in reading order
    path where;              ///< file or folder, for a series whose files nobody named
};

SourceFiles sourceFiles(const widgets::Services& services)
{
    if (!services.selection || !services.selection->series())
        return {};
    const auto& row = *services.selection->series();
    return {row.files, row.where};
}

/// SHA-256 of the files of a series, of several in their order; empty when it has none. Not for the GUI thread: a share may not answer.
Result<std::string> digestOf(const SourceFiles& source)
{
    std::error_code ec; // a folder, or nothing: no file to digest
    if (source.files.empty())
        return std::filesystem::is_regular_file(source.where, ec) ? sha256File(source.where) : Result<std::string>(std::string());
    return services::sourceDigest(source.files);
}

void addSource(Provenance& record, const std::string& digest)
{
    const Json file = {{"digest", digest}, {"kind", "image file"}};
    if (!digest.empty())
        record.inputs.insert(record.inputs.begin(), file);
}

/// A figure's record and request go beside its picture. What lies there under their names must be those of an earlier figure of this name: a checkpoint's `model.safetensors` is not written over.
Status freeForFigure(const path& record, const path& request)
{
    std::error_code ec; // what cannot be looked at is refused by the writing
    const bool hasRecord = std::filesystem::exists(record, ec), hasRequest = std::filesystem::exists(request, ec);
    if (hasRecord) {
        const auto text = readTextFile(record);
        const auto known = text ? parseJson(*text) : Result<Json>(std::unexpected(text.error()));
        if (known && known->is_object() && known->value("schema", Json()) == Json(FigureSchema) && known->value("request", Json()) == Json(request.filename().string()))
            return {};
    }
    if (!hasRecord && !hasRequest)
        return {};
    const path& taken = hasRequest ? request : record;
    return fail(ErrorCode::AccessDenied, "{} is there already and is not of an earlier figure {}: give the figure another name, as {} and {} are written beside it", taken.string(),
                record.stem().string() + ".png", record.filename().string(), request.filename().string());
}

/// Why a figure of what is on screen cannot be recorded now; empty when it can.
QString whyNoRecord(const LabSession& session)
{
    if (session.hasResult())
        return {};
    return session.waiting() ? LabPanel::tr("The reconstruction of this model and image is not there yet") : LabPanel::tr("There is no reconstruction yet");
}

/// The attention map that a figure shows: what was asked for it, and its values.
Json attentionRecord(const LabSession& session)
{
    const AttentionWish& wish = session.attentionShown(); // of the map on screen; another may be on its way
    if (wish.kind == protocol::Occlusion)
        return {{"kind", wish.kind}, {"name", session.attentionName()}, {"numbers", session.attentionNumbers()}, {"request_fields", session.attentionFields()}, {"map_sha256", session.attention().digest}};
    Json query; // token; null: the class token
    if (const Json& numbers = session.attentionNumbers(); numbers.is_object() && numbers.contains("query"))
        query = numbers["query"];
    else if (wish.query)
        query = (*wish.query)[0] * session.attention().columns + (*wish.query)[1];
    return {{"kind", wish.kind}, {"name", session.attentionName()}, {"seen", session.seen()},
            {"request_fields", {{"kind_of", wish.kind}, {"layer", wish.layer < 0 ? session.layers() - 1 : wish.layer}, {"head", wish.head}, {"query", query}}},
            {"map_sha256", session.attention().digest}};
}

} // namespace

void LabPanel::showProvenance()
{
    if (const QString reason = whyNoRecord(*m_session); !reason.isEmpty()) {
        m_status->setText(reason);
        return;
    }
    m_context.services.runner->run<Json>(
        this,
        [source = sourceFiles(m_context.services), make = m_session->provenanceMaker()](const Work&) -> Result<Json> { // of what was on screen when it was asked for
            HILUM_TRY(const std::string digest, digestOf(source));
            Provenance provenance = make();
            addSource(provenance, digest);
            return toJson(provenance);
        },
        [this](Result<Json> made) {
            if (!made) {
                report(made.error(), tr("Reading the image file for its digest"));
                return;
            }
            const Json& record = *made;
            QDialog dialog(this);
            dialog.setObjectName(QStringLiteral("provenanceDialog"));
            dialog.setWindowTitle(tr("Provenance of this reconstruction"));
            dialog.resize(640, 560);
            auto* column = new QVBoxLayout(&dialog);
            auto* form = new QFormLayout;
            const auto row = [&](const QString& name, const Json& value) {
                const QString text = value.is_string() ? QString::fromStdString(value.get<std::string>()) : value.is_null() ? tr("none") : QString::fromStdString(jsonLine(value));
                auto* label = new QLabel(text);
                label->setTextInteractionFlags(Qt::TextSelectableByMouse);
                label->setWordWrap(true);
                form->addRow(name, label);
            };
            const Json model = record.value("model", Json::object());
            row(tr("Weights"), model.value("weights_sha256", Json()));
            row(tr("Step"), model.value("untrained", false) ? Json("untrained") : model.value("step", Json()));
            row(tr("Method"), record.value("method", Json::object()).value("id", Json()));
            row(tr("Seed"), record.value("seed", Json()));
            for (const Json& input : record.value("inputs", Json::array()))
                row(QString::fromStdString(input.value("kind", "")), input.value("digest", Json()));
            row(tr("Device"), record.value("device", Json::object()).value("name", Json()));
            column->addLayout(form);
            auto* text = new QPlainTextEdit(QString::fromStdString(record.dump(2)));
            text->setObjectName(QStringLiteral("provenanceText"));
            text->setReadOnly(true);
            text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
            column->addWidget(text, 1);
            auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
            auto* copy = named(buttons->addButton(tr("Copy"), QDialogButtonBox::ActionRole), "provenanceCopy", tr("Copies the whole record to the clipboard"));
            named(buttons->button(QDialogButtonBox::Close), "provenanceClose", tr("Closes the record [Esc]"));
            connect(copy, &QPushButton::clicked, text, [text] { QApplication::clipboard()->setText(text->toPlainText()); });
            connect(buttons, &QDialogButtonBox::rejected, &dialog, &QDialog::reject);
            column->addWidget(buttons);
            dialog.exec();
        });
}

void LabPanel::askAndExport()
{
    if (const QString reason = whyNoRecord(*m_session); !reason.isEmpty()) {
        if (m_context.services.messages)
            m_context.services.messages->note(reason);
        return;
    }
    QString name = QFileDialog::getSaveFileName(this, tr("Export figure"), QStringLiteral("figure.png"), tr("PNG (*.png)"));
    if (name.isEmpty())
        return;
    if (!name.endsWith(QStringLiteral(".png"), Qt::CaseInsensitive))
        name += QStringLiteral(".png");
    exportFigure(name.toStdString());
}

QImage LabPanel::figurePicture() const
{
    // each view at the same size, whatever the window's, side by side; what the method says in numbers beside them
    constexpr int Side = 512, Caption = 34, Foot = 44, Gap = 6;
    std::vector<int> shown;
    for (int i = 0; i < 4; ++i)
        if (whyNot(shownIn(i), *m_session).isEmpty())
            shown.push_back(i);
    const QSize numbers = m_side->isVisibleTo(this) ? m_side->contentSize() : QSize(0, 0);
    const int views = static_cast<int>(shown.size()) * (Side + Gap) - Gap, body = std::max(Side, numbers.height());
    QImage image(views + (numbers.isEmpty() ? 0 : Gap + numbers.width()), body + Caption + Foot, QImage::Format_RGB32);
    image.fill(QColor(0x1f, 0x1f, 0x1f));
    QPainter painter(&image);
    QFont font = this->font();
    font.setPixelSize(17);
    for (int n = 0; n < static_cast<int>(shown.size()); ++n) {
        const int i = shown[static_cast<std::size_t>(n)];
        PatchView copy;
        copy.setPalette(palette());
        copy.setFont(font);
        copy.resize(Side, Side + 22); // the view's own caption takes 22
        if (shownIn(i) == Shown::Boxes) {
            copy.setContent(view(i)->content()); // the caption
            copy.render(&painter, QPoint(n * (Side + Gap), Caption - 22));
            painter.setFont(font);
            paintBoxes(painter, QRect(n * (Side + Gap), Caption, Side, Side));
            continue;
        }
        PatchView::Content content = view(i)->content();
        if (!content.second.isNull() && content.over == PatchView::Over::Lens) { // a figure has no pointer, so no lens
            content.second = {};
            content.note = m_pins[0].label;
        }
        copy.setContent(std::move(content));
        copy.setWipe(view(i)->wipe());
        copy.setFade(view(i)->fade());
        copy.setGrid(pictureGrid());
        copy.setAspect(view(i)->aspect());
        copy.setMask(m_session->isVolume() ? nullptr : &m_session->mask());
        copy.setBorder(regionBorder(*m_session));
        copy.setPose({});
        if (i == slotOf(Shown::Original))
            for (std::size_t crop = 0; crop < m_cropBoxes.size(); ++crop)
                if (const auto where = cropCut(crop)) {
                    auto* rectangle = new RandomCrop(&copy, static_cast<int>(crop)); // goes with its view
                    rectangle->setRect(*where);
                    rectangle->show();
                }
        copy.render(&painter, QPoint(n * (Side + Gap), Caption - 22));
    }
    if (!numbers.isEmpty())
        m_side->renderContent(painter, QPoint(views + Gap, Caption - 22));
    painter.setPen(QColor(0xe4, 0xe4, 0xe4));
    painter.setFont(font);
    painter.drawText(QRect(10, Caption + body + 2, image.width() - 20, 20), Qt::AlignLeft | Qt::AlignVCenter, m_stats->text());
    painter.setPen(QColor(0xa6, 0xa6, 0xa6));
    font.setPixelSize(14);
    painter.setFont(font);
    painter.drawText(QRect(10, Caption + body + 22, image.width() - 20, 20), Qt::AlignLeft | Qt::AlignVCenter, tr("Hilum · research use only, not for diagnosis"));
    return image;
}

void LabPanel::exportFigure(const path& png)
{
    auto writer = m_session->requestWriter();
    if (!writer) {
        report(writer.error(), tr("Exporting the figure"));
        return;
    }
    const bool occlusion = m_session->attentionShown().kind == protocol::Occlusion && !m_session->volumeMap().isEmpty(); // what comes with a volume's answer is among its arrays
    const bool attention = std::ranges::find(m_shown, Shown::Attention) != m_shown.end() && (m_session->isVolume() ? occlusion : m_session->input() && !m_session->attention().isEmpty());
    if (attention && !m_session->attentionFitsResult()) {
        report(Error{.code = ErrorCode::Mismatch, .message = "the attention on screen is of other weights than the reconstruction beside it: wait for the model's answer"}, tr("Exporting the figure"));
        return;
    }
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    figurePicture().save(&buffer, "PNG");

    const view::Reconstruction& r = m_session->reconstruction();
    const services::ModelChoice& choice = m_session->origin().choice;
    const path& weights = choice.checkpoint.empty() ? choice.model : choice.checkpoint;
    path stem = png;
    stem.replace_extension();
    Json figure = {{"schema", FigureSchema}, {"kind", "reconstruction"},
                   {"picture", png.filename().string()}, {"picture_sha256", sha256Hex(std::as_bytes(std::span(bytes.constData(), static_cast<std::size_t>(bytes.size()))))},
                   {"request", stem.filename().string() + ".safetensors"}, {"request_fields", m_session->origin().fields},
                   {"arrays_sha256", m_session->resultDigest()},
                   {"numbers", m_session->numbers()}, {"shown", Json::array()}};
    for (int i = 0; i < 4; ++i)
        if (whyNot(shownIn(i), *m_session).isEmpty())
            figure["shown"].push_back(title(shownIn(i)).toStdString());
    if (const int boxes = slotOf(Shown::Boxes); boxes >= 0 && whyNot(Shown::Boxes, *m_session).isEmpty()) // where it was seen from: the crops are among the arrays
        figure["view_3d"] = boxesRecord();
    if (comparesTwo()) // the numbers and arrays are of the present answer
        figure["compared"] = {{"first", m_pins[0].label.toStdString()}, {"second", m_pins[1].isEmpty() ? "now" : m_pins[1].label.toStdString()}};
    if (m_session->isVolume())
        figure["slice"] = {{"plane", std::array{"axial", "coronal", "sagittal"}[static_cast<std::size_t>(m_slice.plane)]}, {"number", sliceNumber()}};
    else if (m_session->hasMask())
        figure.update({{"mask_sha256", sha256Hex(std::as_bytes(std::span(r.mask)))}, {"mask_grid", {r.rows, r.columns}}});
    // what `hilum reproduce` draws again without the window; of a volume the slice is the window's own choice
    struct Drawn {
        view::Reconstruction views;
        view::AttentionMap attention;
        std::array<std::int64_t, 2> seen{0, 0};
        std::string filledWith;
    };
    const auto drawn = std::make_shared<Drawn>();
    if (m_session->hasMask()) {
        drawn->views = r;
        if (m_session->numbers().is_object())
            drawn->filledWith = m_session->numbers().value("filled_with", "");
    }
    if (attention) {
        figure["attention"] = attentionRecord(*m_session);
        drawn->attention = m_session->attention();
        drawn->seen = m_session->seen();
    }
    const auto input = m_session->input() ? std::make_shared<const imaging::ModelInput>(*m_session->input()) : nullptr;
    figure["model"] = {{"weights_sha256", m_session->origin().metadata.value("weights_sha256", Json())}};
    if (weights.empty()) { // else their path, from where the figure lies
        figure["model"]["method"] = choice.method;
        figure["model"]["preset"] = choice.preset;
        figure["model"]["options"] = choice.options;
        figure["model"]["seed"] = choice.seed;
    }
    const path request = path(stem.string() + ".safetensors"), record = path(stem.string() + ".json");
    m_context.services.runner->run<bool>(
        this,
        [png, request, write = *std::move(writer), record, figure, drawn, input, weights, make = m_session->provenanceMaker(), source = sourceFiles(m_context.services), picture = bytes.toStdString()](const Work&) mutable -> Result<bool> {
            HILUM_TRY_STATUS(freeForFigure(record, request));
            HILUM_TRY(const std::string digest, digestOf(source));
            Provenance provenance = make();
            addSource(provenance, digest);
            if (!weights.empty()) { // asks for each part of both paths: a share may not answer
                std::error_code ec;
                const path from = std::filesystem::proximate(weights, png.parent_path().empty() ? path(".") : png.parent_path(), ec);
                figure["model"]["path"] = (ec ? weights : from).string();
            }
            figure["provenance"] = toJson(provenance);
            services::NamedPictures pictures;
            if (!drawn->views.isEmpty())
                pictures = services::reconstructionViews(drawn->views, drawn->filledWith);
            if (input && !drawn->attention.isEmpty())
                pictures.emplace_back("attention", services::attentionPicture(*input, drawn->attention, drawn->seen));
            figure["pixels_sha256"] = services::pixelDigests(pictures);
            HILUM_TRY_STATUS(write(request));
            HILUM_TRY_STATUS(writeFileAtomically(png, picture));
            HILUM_TRY_STATUS(writeFileAtomically(record, figure.dump(2) + "\n"));
            return true;
        },
        [this, record](Result<bool> done) {
            if (!done)
                report(done.error(), tr("Exporting the figure"));
            else if (m_context.services.messages)
                m_context.services.messages->note(tr("Figure written with its record %1").arg(QString::fromStdString(record.filename().string())));
        });
}

} // namespace hilum::lab
