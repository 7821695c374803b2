#include "app/hilum/demo_summary.h"
#include "app/hilum/training.h"
#include "core/base/format.h"
#include "core/base/numbers.h"

#include <algorithm>
#include <cmath>

namespace hilum::app {

namespace {

std::string escaped(const std::string& text)
{
    std::string out;
    for (const char c : text)
        out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
    return out;
}

std::string curve(const std::vector<Json>& metrics)
{
    std::vector<std::pair<double, double>> points;
    double top = 0;
    for (const Json& m : metrics)
        if (const double loss = m.value("loss", std::nan("")); std::isfinite(loss)) {
            points.emplace_back(m.value("step", 0.0), loss);
            top = std::max(top, loss);
        }
    if (points.size() < 2 || top <= 0)
        return "<p>No curve: fewer than two measured steps.</p>";
    constexpr double Width = 640, Height = 220, Left = 56, Bottom = 28;
    const double last = points.back().first;
    std::string line;
    for (const auto& [step, loss] : points)
        line += hilum::format("{:.1f},{:.1f} ", Left + (Width - Left - 8) * step / last, 8 + (Height - Bottom - 8) * (1 - loss / top));
    std::string svg = hilum::format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\" aria-label=\"loss by step\">", Width, Height, Width);
    for (int i = 0; i <= 4; ++i) {
        const double y = 8 + (Height - Bottom - 8) * (1 - i / 4.0);
        svg += hilum::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#444\"/><text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:.3f}</text>", Left, Width - 8, y, Left - 6,
                             y + 4, top * i / 4);
    }
    svg += hilum::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">step {:.0f}</text><polyline fill=\"none\" stroke=\"#6eb0e0\" stroke-width=\"1.5\" points=\"{}\"/></svg>", Width - 8, Height - 8, last, line);
    return svg;
}

std::string number(const Json& json, const char* key)
{
    const auto it = json.find(key);
    return it != json.end() && it->is_number() ? fixed(it->get<double>(), 4) : "not measured";
}

} // namespace

std::string demoPage(const DemoSummary& s)
{
    const Json& e = s.evaluation;
    const double own = numberOr(e, "held_out_loss", 0);
    const double guess = std::min(numberOr(e, "mean_picture_loss", INFINITY), numberOr(e, "visible_mean_loss", INFINITY));
    const double swapped = numberOr(e, "swapped_loss", 0), untrained = numberOr(e, "untrained_loss", 0);
    const auto ratio = [&](double a, double b) { return a > 0 && b > 0 && std::isfinite(a) && std::isfinite(b) ? fixed(a / b, 2) : std::string("not measured"); };
    std::string html = R"(<!doctype html><html lang="en"><meta charset="utf-8"><title>Hilum demo</title>
<style>body{background:#1d1f21;color:#ddd;font:15px/1.5 Inter,"DejaVu Sans",sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}
h1,h2{font-weight:600}img{max-width:100%;background:#000}table{border-collapse:collapse}td,th{padding:.25em .8em;text-align:left;border-bottom:1px solid #444}
code,pre{font-family:"DejaVu Sans Mono",monospace;font-size:13px}pre{background:#151617;padding:.8em;overflow:auto}svg text{fill:#aaa;font-size:12px}
.warn{border:1px solid #a80;padding:.5em 1em}figcaption{color:#aaa}figure{margin:1.2em 0}</style>
<h1>Hilum demo</h1><p class="warn">Research use only, not for diagnosis. All patients on this page are made up.</p>
)";
    html += hilum::format("<p>{} made-up patients, {} series imported, {} files refused; everything took {}.</p>\n", s.studies, s.series, s.refused, duration(s.seconds));
    html += "<h2>Three honest numbers</h2><p>Loss on hidden patches of patients that were held out, all on the same fixed masks. Lower is better.</p><table>\n";
    html += hilum::format("<tr><th>this model</th><td>{}</td><td></td></tr>\n", number(e, "held_out_loss"));
    html += hilum::format("<tr><th>1. the best constant guess</th><td>mean picture {}, visible mean {}</td><td>this model: {} of it</td></tr>\n", number(e, "mean_picture_loss"), number(e, "visible_mean_loss"),
                          ratio(own, guess));
    html += hilum::format("<tr><th>2. the same network, untrained</th><td>{}</td><td>this model: {} of it</td></tr>\n", number(e, "untrained_loss"), ratio(own, untrained));
    html += hilum::format("<tr><th>3. with another patient's visible patches</th><td>{}</td><td>{} times worse</td></tr></table>\n", number(e, "swapped_loss"), ratio(swapped, own));
    html += "<p>A model that only learnt the average chest would not get worse when the visible patches come from someone else.</p>\n";
    html += "<h2>Training</h2>" + curve(s.metrics) + "\n";
    html += "<h2>Pictures</h2>\n";
    for (const auto& [caption, file] : s.pictures)
        html += hilum::format("<figure><img src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n", escaped(file.generic_string()), escaped(caption), escaped(caption));
    html += "<h2>What is in a study</h2><table><tr><th>kind</th><th>modality</th><th>size</th><th>spacing mm</th><th>values</th></tr>\n";
    for (const Json& item : s.info.value("items", Json::array())) {
        const auto text = [&](const char* key) { const auto it = item.find(key); return it == item.end() || it->is_null() ? std::string() : escaped(it->is_string() ? it->get<std::string>() : jsonLine(*it)); };
        html += hilum::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{} to {} {}</td></tr>\n", text("kind"), text("modality"), text("size"), text("spacing_mm"), text("min"), text("max"), text("unit"));
    }
    html += "</table>\n<h2>The same by hand</h2><pre>";
    for (const std::string& command : s.commands)
        html += escaped(command) + "\n";
    return html + "</pre></html>\n";
}

} // namespace hilum::app
