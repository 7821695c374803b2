#include "core/learning/downstream/logistic_regression.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

namespace hilum::learning {

namespace {

double dot(std::span<const double> a, std::span<const double> b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

/// Scores to probabilities in place. \return log of the sum of exponentials
double softmax(std::span<double> z)
{
    const double top = std::ranges::max(z);
    double sum = 0;
    for (double& v : z)
        sum += v = std::exp(v - top);
    for (double& v : z)
        v /= sum;
    return top + std::log(sum);
}

/// Value and gradient of the penalised loss at parameters [classes x (columns + 1)], the bias last in each row.
class Objective {
public:
    Objective(const FeatureTable& x, std::span<const std::size_t> labels, std::size_t classes, double penalty) : m_x(x), m_labels(labels), m_classes(classes), m_penalty(penalty) {}

    double operator()(const std::vector<double>& theta, std::vector<double>& gradient) const
    {
        const std::size_t columns = m_x.columns, stride = columns + 1, rows = m_x.rows();
        std::ranges::fill(gradient, 0.0);
        std::vector<double> z(m_classes);
        double loss = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            const auto x = m_x.row(r);
            for (std::size_t k = 0; k < m_classes; ++k)
                z[k] = dot(x, std::span(theta).subspan(k * stride, columns)) + theta[k * stride + columns];
            const double own = z[m_labels[r]];
            loss += softmax(z) - own;
            for (std::size_t k = 0; k < m_classes; ++k) {
                const double d = (z[k] - (k == m_labels[r] ? 1 : 0)) / static_cast<double>(rows);
                double* const g = gradient.data() + k * stride;
                for (std::size_t c = 0; c < columns; ++c)
                    g[c] += d * x[c];
                g[columns] += d;
            }
        }
        double squares = 0;
        for (std::size_t k = 0; k < m_classes; ++k)
            for (std::size_t c = 0; c < columns; ++c) {
                const double w = theta[k * stride + c];
                squares += w * w;
                gradient[k * stride + c] += m_penalty * w;
            }
        return loss / static_cast<double>(rows) + m_penalty / 2 * squares;
    }

private:
    const FeatureTable& m_x;
    std::span<const std::size_t> m_labels;
    std::size_t m_classes;
    double m_penalty;
};

/// Folds of rows by patient: patients sorted by their rarest class are dealt in turn.
std::vector<int> foldsOf(std::span<const std::size_t> labels, std::span<const std::size_t> patients, std::size_t classes, int folds)
{
    std::vector<std::set<std::size_t>> patientsOf(classes);
    for (std::size_t r = 0; r < labels.size(); ++r)
        patientsOf[labels[r]].insert(patients[r]);
    std::map<std::size_t, std::size_t> rarest; // patient -> class
    std::vector<std::size_t> order;
    for (std::size_t r = 0; r < labels.size(); ++r) {
        const auto [at, fresh] = rarest.emplace(patients[r], labels[r]);
        if (fresh)
            order.push_back(patients[r]);
        else if (std::pair(patientsOf[labels[r]].size(), labels[r]) < std::pair(patientsOf[at->second].size(), at->second))
            at->second = labels[r];
    }
    std::ranges::stable_sort(order, {}, [&](std::size_t p) { return std::pair(patientsOf[rarest.at(p)].size(), rarest.at(p)); });
    std::map<std::size_t, int> foldOf;
    for (std::size_t i = 0; i < order.size(); ++i)
        foldOf[order[i]] = static_cast<int>(i % static_cast<std::size_t>(folds));
    std::vector<int> out;
    for (const std::size_t p : patients)
        out.push_back(foldOf.at(p));
    return out;
}

} // namespace

FeatureTable FeatureTable::picked(std::span<const std::size_t> chosen) const
{
    FeatureTable out{.columns = columns, .values = {}};
    for (const std::size_t r : chosen)
        out.values.insert(out.values.end(), row(r).begin(), row(r).end());
    return out;
}

Standardiser Standardiser::of(const FeatureTable& table)
{
    const auto rows = static_cast<double>(table.rows());
    Standardiser out{std::vector<double>(table.columns, 0.0), std::vector<double>(table.columns, 0.0)};
    for (std::size_t r = 0; r < table.rows(); ++r)
        for (std::size_t c = 0; c < table.columns; ++c)
            out.mean[c] += table.row(r)[c] / rows;
    for (std::size_t r = 0; r < table.rows(); ++r)
        for (std::size_t c = 0; c < table.columns; ++c)
            out.deviation[c] += std::pow(table.row(r)[c] - out.mean[c], 2) / rows;
    for (std::size_t c = 0; c < table.columns; ++c) {
        out.deviation[c] = std::sqrt(out.deviation[c]);
        if (out.deviation[c] <= 1e-9 * (1 + std::abs(out.mean[c]))) // rounding of a constant
            out.deviation[c] = 1;
    }
    return out;
}

FeatureTable Standardiser::apply(const FeatureTable& table) const
{
    FeatureTable out = table;
    for (std::size_t i = 0; i < out.values.size(); ++i)
        out.values[i] = (out.values[i] - mean[i % table.columns]) / deviation[i % table.columns];
    return out;
}

std::vector<double> LogisticModel::probabilities(std::span<const double> x) const
{
    std::vector<double> z(classes);
    for (std::size_t k = 0; k < classes; ++k)
        z[k] = dot(x, std::span(weights).subspan(k * columns, columns)) + bias[k];
    softmax(z);
    return z;
}

LogisticModel fitLogistic(const FeatureTable& x, std::span<const std::size_t> labels, std::size_t classes, double penalty, const LogisticModel* start)
{
    if (x.rows() == 0 || x.rows() != labels.size() || classes < 2 || !(penalty > 0) || std::ranges::any_of(labels, [&](std::size_t l) { return l >= classes; }))
        throw std::invalid_argument("fitLogistic: needs rows with labels below the number of classes (two or more), and a penalty above 0");
    constexpr int MostIterations = 3000;
    constexpr std::size_t Memory = 20; // pairs that the curvature is known from
    constexpr double Tolerance = 1e-7;
    const std::size_t columns = x.columns, stride = columns + 1;
    std::vector<double> theta(classes * stride, 0.0);
    if (start && start->classes == classes && start->columns == columns)
        for (std::size_t k = 0; k < classes; ++k) {
            std::copy_n(start->weights.begin() + static_cast<std::ptrdiff_t>(k * columns), columns, theta.begin() + static_cast<std::ptrdiff_t>(k * stride));
            theta[k * stride + columns] = start->bias[k];
        }
    const Objective objective(x, labels, classes, penalty);
    std::vector<double> gradient(theta.size()), next(theta.size()), nextGradient(theta.size()), direction(theta.size());
    double value = objective(theta, gradient);
    struct Pair {
        std::vector<double> s, y;
        double rho;
    };
    std::deque<Pair> pairs;
    LogisticModel out{.classes = classes, .columns = columns, .weights = {}, .bias = {}};
    for (; out.iterations < MostIterations; ++out.iterations) {
        if (std::ranges::all_of(gradient, [&](double g) { return std::abs(g) < Tolerance; })) {
            out.converged = true;
            break;
        }
        // two-loop recursion (Nocedal & Wright 2006, algorithm 7.4)
        direction = gradient;
        std::vector<double> alpha(pairs.size());
        for (std::size_t i = pairs.size(); i-- > 0;) {
            alpha[i] = pairs[i].rho * dot(pairs[i].s, direction);
            for (std::size_t j = 0; j < direction.size(); ++j)
                direction[j] -= alpha[i] * pairs[i].y[j];
        }
        const double scale = pairs.empty() ? 1 : 1 / (pairs.back().rho * dot(pairs.back().y, pairs.back().y));
        for (double& d : direction)
            d *= scale;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            const double beta = pairs[i].rho * dot(pairs[i].y, direction);
            for (std::size_t j = 0; j < direction.size(); ++j)
                direction[j] += (alpha[i] - beta) * pairs[i].s[j];
        }
        const double slope = -dot(gradient, direction);
        double step = 1, reached = value;
        bool accepted = false;
        for (int halving = 0; halving < 50 && !accepted; ++halving, step /= 2) {
            for (std::size_t j = 0; j < theta.size(); ++j)
                next[j] = theta[j] - step * direction[j];
            reached = objective(next, nextGradient);
            accepted = reached <= value + 1e-4 * step * slope;
        }
        if (!accepted) { // no lower value can be told apart in double
            if (pairs.empty())
                break;
            pairs.clear();
            continue;
        }
        Pair pair{.s = next, .y = nextGradient, .rho = 0};
        for (std::size_t j = 0; j < theta.size(); ++j) {
            pair.s[j] -= theta[j];
            pair.y[j] -= gradient[j];
        }
        if (const double curvature = dot(pair.s, pair.y); curvature > 1e-300) {
            pair.rho = 1 / curvature;
            pairs.push_back(std::move(pair));
            if (pairs.size() > Memory)
                pairs.pop_front();
        }
        theta.swap(next);
        gradient.swap(nextGradient);
        value = reached;
    }
    for (std::size_t k = 0; k < classes; ++k) {
        out.weights.insert(out.weights.end(), theta.begin() + static_cast<std::ptrdiff_t>(k * stride), theta.begin() + static_cast<std::ptrdiff_t>(k * stride + columns));
        out.bias.push_back(theta[k * stride + columns]);
    }
    return out;
}

PenaltyChoice choosePenalty(const FeatureTable& x, std::span<const std::size_t> labels, std::span<const std::size_t> patients, std::size_t classes, int folds)
{
    std::size_t fewest = labels.size();
    for (std::size_t k = 0; k < classes; ++k) {
        std::set<std::size_t> of;
        for (std::size_t r = 0; r < labels.size(); ++r)
            if (labels[r] == k)
                of.insert(patients[r]);
        fewest = std::min(fewest, of.size());
    }
    if (fewest < 2)
        throw std::invalid_argument("choosePenalty: each class needs two patients");
    PenaltyChoice out;
    out.folds = std::min(folds, static_cast<int>(fewest));
    for (int half = 4; half >= -8; --half) // from strong to weak: each fit begins where the stronger one ended
        out.tried.push_back(std::pow(10.0, half / 2.0));
    out.loss.assign(out.tried.size(), 0.0);
    std::vector<std::vector<double>> leftOut(out.tried.size(), std::vector<double>(labels.size() * classes));
    const std::vector<int> foldOf = foldsOf(labels, patients, classes, out.folds);
    for (int fold = 0; fold < out.folds; ++fold) {
        std::vector<std::size_t> inside, outside;
        for (std::size_t r = 0; r < labels.size(); ++r)
            (foldOf[r] == fold ? outside : inside).push_back(r);
        std::vector<std::size_t> insideLabels;
        for (const std::size_t r : inside)
            insideLabels.push_back(labels[r]);
        const FeatureTable raw = x.picked(inside);
        const Standardiser standard = Standardiser::of(raw);
        const FeatureTable train = standard.apply(raw), test = standard.apply(x.picked(outside));
        LogisticModel model;
        for (std::size_t i = 0; i < out.tried.size(); ++i) {
            model = fitLogistic(train, insideLabels, classes, out.tried[i], model.classes == 0 ? nullptr : &model);
            for (std::size_t n = 0; n < outside.size(); ++n) {
                const auto p = model.probabilities(test.row(n));
                std::ranges::copy(p, leftOut[i].begin() + static_cast<std::ptrdiff_t>(outside[n] * classes));
                out.loss[i] -= std::log(std::max(p[labels[outside[n]]], 1e-300)) / static_cast<double>(labels.size());
            }
        }
    }
    const auto best = static_cast<std::size_t>(std::ranges::min_element(out.loss) - out.loss.begin()); // the first of equal ones is the largest penalty
    out.penalty = out.tried[best];
    out.leftOut = std::move(leftOut[best]);
    return out;
}

} // namespace hilum::learning
