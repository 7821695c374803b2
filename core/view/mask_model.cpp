#include "core/view/mask_model.h"

#include "core/base/digest.h"
#include "core/base/format.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>

namespace hilum::view {

namespace {

void checkBytes(const std::vector<std::uint8_t>& bytes, std::int64_t count, const char* what)
{
    if (static_cast<std::int64_t>(bytes.size()) != count)
        throw std::invalid_argument(hilum::format("{} has {} patches where the grid has {}", what, bytes.size(), count));
    if (std::ranges::any_of(bytes, [](std::uint8_t b) { return b > 1; }))
        throw std::invalid_argument(hilum::format("{} holds a value other than 0 and 1", what));
}

} // namespace

void MaskModel::reset(std::int64_t rows, std::int64_t columns, std::vector<std::uint8_t> mask, std::vector<std::uint8_t> region)
{
    if (rows <= 0 || columns <= 0)
        throw std::invalid_argument(hilum::format("a token grid of {} x {}", rows, columns));
    checkBytes(mask, rows * columns, "the mask");
    if (!region.empty())
        checkBytes(region, rows * columns, "the region");
    m_rows = rows;
    m_columns = columns;
    m_mask = std::move(mask);
    m_region = std::move(region);
    m_history.clear();
    m_changed.clear();
    m_done = 0;
    m_inStroke = false;
}

void MaskModel::setRegion(std::vector<std::uint8_t> region)
{
    if (!region.empty())
        checkBytes(region, m_rows * m_columns, "the region");
    m_region = std::move(region);
}

bool MaskModel::hidden(std::int64_t row, std::int64_t column) const
{
    return m_mask.at(static_cast<std::size_t>(row * m_columns + column)) != 0;
}

bool MaskModel::inside(std::int64_t row, std::int64_t column) const
{
    return !m_region.empty() && m_region.at(static_cast<std::size_t>(row * m_columns + column)) != 0;
}

MaskCounts MaskModel::counts() const
{
    MaskCounts out;
    for (std::size_t i = 0; i < m_mask.size(); ++i) {
        const bool in = !m_region.empty() && m_region[i] != 0;
        (in ? out.inside : out.outside) += 1;
        (in ? out.insideHidden : out.outsideHidden) += m_mask[i];
    }
    return out;
}

std::string MaskModel::hash() const
{
    return sha256Hex(std::as_bytes(std::span(m_mask)));
}

void MaskModel::beginStroke(Stroke stroke, double radius)
{
    if (m_inStroke)
        endStroke();
    m_inStroke = true;
    m_hasPoint = false;
    m_stroke = stroke;
    m_radius = std::max(1.0, radius);
    m_changed.clear();
}

bool MaskModel::paint(double row, double column)
{
    // the pointer snaps to its patch: what is painted does not depend on where in the patch it is
    const auto centreRow = static_cast<std::int64_t>(std::floor(row + 0.5));
    const auto centreColumn = static_cast<std::int64_t>(std::floor(column + 0.5));
    const double reach = m_radius - 0.5;
    const auto span = static_cast<std::int64_t>(reach);
    const std::uint8_t wanted = m_stroke == Stroke::Hide ? 1 : 0;
    bool changed = false;
    for (std::int64_t r = std::max<std::int64_t>(0, centreRow - span); r <= std::min(m_rows - 1, centreRow + span); ++r)
        for (std::int64_t c = std::max<std::int64_t>(0, centreColumn - span); c <= std::min(m_columns - 1, centreColumn + span); ++c) {
            if (std::hypot(static_cast<double>(r - centreRow), static_cast<double>(c - centreColumn)) > reach)
                continue;
            std::uint8_t& patch = m_mask[static_cast<std::size_t>(r * m_columns + c)];
            if (patch == wanted)
                continue;
            patch = wanted;
            m_changed.push_back(r * m_columns + c);
            changed = true;
        }
    return changed;
}

bool MaskModel::strokeTo(double row, double column)
{
    if (!m_inStroke)
        throw std::logic_error("strokeTo outside a gesture");
    if (!std::isfinite(row) || !std::isfinite(column))
        return false;
    bool changed = false;
    if (m_hasPoint) {
        const double length = std::hypot(row - m_lastRow, column - m_lastColumn);
        // a pointer that leaves the view by far must not cost more than crossing the grid
        const auto steps = std::min<std::int64_t>(static_cast<std::int64_t>(std::ceil(length * 2)), 8 * (m_rows + m_columns));
        for (std::int64_t i = 1; i < steps; ++i) {
            const double t = static_cast<double>(i) / static_cast<double>(steps);
            changed |= paint(m_lastRow + t * (row - m_lastRow), m_lastColumn + t * (column - m_lastColumn));
        }
    }
    changed |= paint(row, column);
    m_hasPoint = true;
    m_lastRow = row;
    m_lastColumn = column;
    return changed;
}

bool MaskModel::endStroke()
{
    if (!m_inStroke)
        return false;
    m_inStroke = false;
    if (m_changed.empty())
        return false;
    m_history.resize(m_done); // a new gesture ends what could be redone
    m_history.push_back(std::move(m_changed));
    m_changed.clear();
    m_done = m_history.size();
    return true;
}

void MaskModel::cancelStroke()
{
    if (!m_inStroke)
        return;
    m_inStroke = false;
    flip(m_changed);
    m_changed.clear();
}

void MaskModel::flip(const std::vector<std::int64_t>& indices)
{
    for (const std::int64_t i : indices)
        m_mask[static_cast<std::size_t>(i)] ^= 1;
}

bool MaskModel::undo()
{
    if (!canUndo())
        return false;
    flip(m_history[--m_done]);
    return true;
}

bool MaskModel::redo()
{
    if (!canRedo())
        return false;
    flip(m_history[m_done++]);
    return true;
}

} // namespace hilum::view
