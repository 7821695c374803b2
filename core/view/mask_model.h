#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hilum::view {

/// How many patches a mask hides, inside and outside a region. Without a region everything counts as outside.
struct MaskCounts {
    std::int64_t inside = 0, insideHidden = 0;
    std::int64_t outside = 0, outsideHidden = 0;
    std::int64_t hidden() const { return insideHidden + outsideHidden; }
    std::int64_t total() const { return inside + outside; }
    bool operator==(const MaskCounts&) const = default;
};

/// The pre-training mask of one image on the token grid, painted by hand. Row-major bytes, 1 = hidden.
///
/// A gesture (beginStroke ... endStroke) is one undo entry, whatever it crossed. Coordinates are in tokens: the centre of token
/// (row, column) lies at whole numbers.
class MaskModel {
public:
    enum class Stroke { Hide, Reveal };

    /// A new mask and region; forgets the history. Throws std::invalid_argument when a size does not match or a byte is not 0 or 1.
    void reset(std::int64_t rows, std::int64_t columns, std::vector<std::uint8_t> mask, std::vector<std::uint8_t> region = {});
    /// Another region over the same mask; empty for none. Throws like reset.
    void setRegion(std::vector<std::uint8_t> region);

    std::int64_t rows() const { return m_rows; }
    std::int64_t columns() const { return m_columns; }
    bool isEmpty() const { return m_mask.empty(); }
    const std::vector<std::uint8_t>& mask() const { return m_mask; }
    const std::vector<std::uint8_t>& region() const { return m_region; } ///< 1 inside; empty when there is none
    bool hasRegion() const { return !m_region.empty(); }
    bool hidden(std::int64_t row, std::int64_t column) const;
    bool inside(std::int64_t row, std::int64_t column) const; ///< false without a region
    MaskCounts counts() const;
    /// SHA-256 of the mask's bytes in hex: equal masks of one grid have equal hashes, on any machine.
    std::string hash() const;

    /// \param radius  in patches; 1 paints the patch under the pointer, r all patches whose centre is at most r - 0.5 away from it.
    void beginStroke(Stroke stroke, double radius);
    /// Paints along the straight line from the previous point of this gesture; outside the grid nothing happens.
    /// \return whether a patch changed. Throws std::logic_error outside a gesture.
    bool strokeTo(double row, double column);
    /// Ends the gesture; \return whether it changed anything, that is whether there is a new undo entry.
    bool endStroke();
    /// Gives up the gesture: the mask is as before beginStroke.
    void cancelStroke();
    bool inStroke() const { return m_inStroke; }

    bool undo(); ///< false when there is nothing to undo, or within a gesture
    bool redo();
    bool canUndo() const { return !m_inStroke && m_done > 0; }
    bool canRedo() const { return !m_inStroke && m_done < m_history.size(); }
    bool edited() const { return m_done > 0; } ///< differs, as far as the history knows, from what reset() brought

private:
    bool paint(double row, double column);
    void flip(const std::vector<std::int64_t>& indices);

    std::int64_t m_rows = 0, m_columns = 0;
    std::vector<std::uint8_t> m_mask, m_region;
    std::vector<std::vector<std::int64_t>> m_history; // per gesture: indices that changed; flipping them undoes and redoes
    std::size_t m_done = 0;                           // gestures of m_history that are applied
    std::vector<std::int64_t> m_changed;              // of the gesture under way
    bool m_inStroke = false, m_hasPoint = false;
    Stroke m_stroke = Stroke::Hide;
    double m_radius = 1, m_lastRow = 0, m_lastColumn = 0;
};

} // namespace hilum::view
