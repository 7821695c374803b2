#include "widgets/viewer/volume_renderer.h"

#include "core/base/log.h"
#include "core/services/task_runner.h"
#include "widgets/viewer/render_volume.h"
#include "widgets/viewer/volume_camera.h"

#include <vtkAutoInit.h>
#include <vtkCamera.h>
#include <vtkColorTransferFunction.h>
#include <vtkCommand.h>
#include <vtkFixedPointVolumeRayCastMapper.h>
#include <vtkGPUVolumeRayCastMapper.h>
#include <vtkImageData.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkPiecewiseFunction.h>
#include <vtkPointData.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkShortArray.h>
#include <vtkUnsignedCharArray.h>
#include <vtkVolume.h>
#include <vtkVolumeProperty.h>

#include <QCoreApplication>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

VTK_MODULE_INIT(vtkRenderingOpenGL2);
VTK_MODULE_INIT(vtkRenderingVolumeOpenGL2);

namespace hilum::widgets {

namespace {

struct Stop {
    double value, opacity, red, green, blue;
};

/// In HU; Signal in stored units 0..4095. Opacity is per millimetre. Chosen by eye on CT of the thorax.
std::vector<Stop> stops(RenderPreset preset)
{
    switch (preset) {
    case RenderPreset::Bone:
        return {{150, 0, 0.45, 0.18, 0.12}, {220, 0.03, 0.7, 0.4, 0.28}, {350, 0.3, 0.93, 0.8, 0.65}, {700, 0.75, 1, 0.95, 0.86}, {1800, 0.9, 1, 1, 1}};
    case RenderPreset::Lung:
        return {{-1000, 0, 0, 0, 0}, {-930, 0, 0.2, 0.3, 0.4}, {-800, 0.012, 0.35, 0.5, 0.65}, {-600, 0.05, 0.65, 0.6, 0.6},
                {-450, 0.02, 0.8, 0.55, 0.5}, {-300, 0, 0.8, 0.5, 0.45}, {3000, 0, 1, 1, 1}};
    case RenderPreset::Soft:
        return {{-160, 0, 0.5, 0.25, 0.15}, {-60, 0.015, 0.85, 0.65, 0.45}, {20, 0.05, 0.75, 0.35, 0.28}, {120, 0.2, 0.8, 0.4, 0.33},
                {250, 0.4, 0.95, 0.8, 0.65}, {900, 0.8, 1, 0.97, 0.9}};
    default:
        return {{300, 0, 0, 0, 0}, {700, 0.01, 0.35, 0.33, 0.3}, {1800, 0.08, 0.7, 0.66, 0.6}, {4095, 0.4, 1, 1, 1}};
    }
}

/// All of VTK: made, used and ended in the drawing thread.
class Scene {
public:
    explicit Scene(std::stop_token stop) : m_stop(std::move(stop))
    {
        m_window = vtkSmartPointer<vtkRenderWindow>::New();
        m_window->SetOffScreenRendering(1);
        m_window->SetMultiSamples(0);
        m_window->SetSize(16, 16);
        m_window->AddRenderer(m_renderer);
        m_window->AddObserver(vtkCommand::AbortCheckEvent, this, &Scene::stopDrawing); // asked between rows of the ray casting
        m_renderer->SetBackground(0x10 / 255.0, 0x10 / 255.0, 0x10 / 255.0);
        m_renderer->GetActiveCamera()->ParallelProjectionOn();
        m_window->Render();
        const char* text = m_window->ReportCapabilities();
        const std::string capabilities = text ? text : "";
        m_software = capabilities.find("llvmpipe") != std::string::npos || capabilities.find("softpipe") != std::string::npos || capabilities.find("SWR") != std::string::npos;
        m_property->ShadeOn();
        m_property->SetInterpolationTypeToLinear();
        m_property->SetAmbient(0.25);
        m_property->SetDiffuse(0.75);
        m_property->SetSpecular(0.2);
        m_property->SetSpecularPower(12);
        m_property->SetScalarOpacityUnitDistance(1);
        m_volume->SetProperty(m_property);
        m_renderer->AddVolume(m_volume);
    }

    bool software() const { return m_software; }

    /// \param source  the grid that `ready` was made from
    void take(RenderVolume ready, const Geometry& source)
    {
        m_ready = std::move(ready);
        m_source = source;
        const Geometry& g = m_ready.geometry;
        m_image->Initialize();
        m_image->SetDimensions(static_cast<int>(g.size[0]), static_cast<int>(g.size[1]), static_cast<int>(g.size[2]));
        m_image->SetSpacing(g.spacingMm.data());
        vtkNew<vtkShortArray> array;
        array->SetArray(m_ready.voxels.data(), static_cast<vtkIdType>(m_ready.voxels.size()), 1);
        m_image->GetPointData()->SetScalars(array);
        vtkNew<vtkMatrix4x4> place;
        for (int r = 0; r < 3; ++r) {
            for (int c = 0; c < 3; ++c)
                place->SetElement(r, c, g.direction[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)]);
            place->SetElement(r, 3, g.originLps[static_cast<std::size_t>(r)]);
        }
        m_volume->SetUserMatrix(place);
        makeMapper();
        m_finest = std::min({g.spacingMm[0], g.spacingMm[1], g.spacingMm[2]});
    }

    bool filled() const { return m_mapper != nullptr; }

    QImage draw(const RenderRequest& request)
    {
        setPreset(m_ready.scaled ? RenderPreset::Signal : request.preset == RenderPreset::Signal ? RenderPreset::Bone : request.preset);
        const VolumeCamera from = volumeCamera(m_source, request);
        const Vec3 eye = from.centre + from.distanceMm * from.towards;
        vtkCamera* camera = m_renderer->GetActiveCamera();
        camera->SetFocalPoint(from.centre.data());
        camera->SetPosition(eye.data());
        camera->SetViewUp(from.up.data());
        camera->SetParallelScale(from.halfHeightMm);
        const double step = m_finest * (request.draft ? 1.5 : 0.5);
        if (auto* gpu = vtkGPUVolumeRayCastMapper::SafeDownCast(m_mapper)) {
            gpu->SetSampleDistance(static_cast<float>(step));
            gpu->SetImageSampleDistance(request.draft && m_software ? 2.0f : 1.0f);
        } else if (auto* cpu = vtkFixedPointVolumeRayCastMapper::SafeDownCast(m_mapper)) {
            cpu->SetSampleDistance(static_cast<float>(step));
            cpu->SetImageSampleDistance(request.draft ? 2.0f : 1.0f);
        }
        const int w = std::max(1, request.pixels.width()), h = std::max(1, request.pixels.height());
        m_window->SetSize(w, h);
        m_renderer->ResetCameraClippingRange();
        m_window->Render();
        vtkNew<vtkUnsignedCharArray> bytes;
        m_window->GetRGBACharPixelData(0, 0, w - 1, h - 1, 0, bytes);
        if (bytes->GetNumberOfValues() != static_cast<vtkIdType>(w) * h * 4)
            throw std::runtime_error("the graphics driver gave no picture back");
        QImage picture(w, h, QImage::Format_RGBX8888);
        for (int y = 0; y < h; ++y) // the first row of OpenGL is the lowest
            std::memcpy(picture.scanLine(h - 1 - y), bytes->GetPointer(static_cast<vtkIdType>(y) * w * 4), static_cast<std::size_t>(w) * 4);
        return picture;
    }

private:
    void stopDrawing()
    {
        if (m_stop.stop_requested())
            m_window->SetAbortRender(1);
    }

    void makeMapper()
    {
        m_mapper = nullptr;
        vtkNew<vtkGPUVolumeRayCastMapper> gpu;
        gpu->SetInputData(m_image);
        gpu->AutoAdjustSampleDistancesOff();
        if (gpu->IsRenderSupported(m_window, m_property)) {
            m_mapper = gpu;
        } else {
            vtkNew<vtkFixedPointVolumeRayCastMapper> cpu;
            cpu->SetInputData(m_image);
            cpu->AutoAdjustSampleDistancesOff();
            m_mapper = cpu;
        }
        m_volume->SetMapper(m_mapper);
    }

    void setPreset(RenderPreset preset)
    {
        if (m_preset == preset)
            return;
        m_preset = preset;
        vtkNew<vtkColorTransferFunction> colour;
        vtkNew<vtkPiecewiseFunction> opacity;
        for (const Stop& stop : stops(preset)) {
            colour->AddRGBPoint(stop.value, stop.red, stop.green, stop.blue);
            opacity->AddPoint(stop.value, stop.opacity);
        }
        m_property->SetColor(colour);
        m_property->SetScalarOpacity(opacity);
    }

    std::stop_token m_stop;
    vtkSmartPointer<vtkRenderWindow> m_window;
    vtkNew<vtkRenderer> m_renderer;
    vtkNew<vtkVolume> m_volume;
    vtkNew<vtkVolumeProperty> m_property;
    vtkNew<vtkImageData> m_image;
    vtkSmartPointer<vtkVolumeMapper> m_mapper;
    RenderVolume m_ready;
    Geometry m_source;
    std::optional<RenderPreset> m_preset;
    bool m_software = true;
    double m_finest = 1;
};

} // namespace

struct VolumeRenderer::State {
    explicit State(VolumeRenderer* owner) : relay(owner) {}
    std::mutex mutex;
    std::condition_variable wake;
    std::optional<imaging::Volume> newVolume;     // guarded by mutex
    std::optional<RenderRequest> wanted;          // guarded by mutex
    std::int64_t hardwareLimit = 512 * 512 * 512, softwareLimit = 200 * 200 * 200; // guarded by mutex
    std::stop_source ending;                      // asked for under the mutex, so that no wake is missed
    services::Relay relay;
    std::atomic<bool> ended = false;              // the thread has nothing of the graphics any more and can be joined at once
    std::thread thread;                           // GUI thread only
};

/// Renderers that are gone and whose threads may still be in a picture. GUI thread only.
class VolumeRenderer::Retired {
public:
    static std::vector<std::shared_ptr<State>> now() { return list(); }
    static void take(std::shared_ptr<State> state)
    {
        auto& all = list();
        std::erase_if(all, [](const auto& one) { return one->ended && (one->thread.join(), true); });
        if (state->thread.joinable())
            all.push_back(std::move(state));
    }

private:
    static std::vector<std::shared_ptr<State>>& list()
    {
        static auto* all = new std::vector<std::shared_ptr<State>>; // outlives every thread in it
        static const bool once = [] {
            qAddPostRoutine([] { // while the graphics libraries still stand
                for (const auto& one : std::exchange(list(), {}))
                    one->thread.join();
            });
            return true;
        }();
        (void)once;
        return *all;
    }
};

VolumeRenderer::VolumeRenderer(QObject* parent) : QObject(parent), m(std::make_shared<State>(this)) {}

VolumeRenderer::~VolumeRenderer()
{
    {
        const std::lock_guard lock(m->mutex);
        m->ending.request_stop();
    }
    m->wake.notify_all();
    Retired::take(std::move(m));
}

void VolumeRenderer::setLimits(std::int64_t hardware, std::int64_t software)
{
    const std::lock_guard lock(m->mutex);
    m->hardwareLimit = hardware;
    m->softwareLimit = software;
}

void VolumeRenderer::setVolume(const imaging::Volume& volume)
{
    {
        const std::lock_guard lock(m->mutex);
        m->newVolume = volume;
        m->wanted.reset();
    }
    if (!m->thread.joinable())
        m->thread = std::thread([state = m, owner = this, before = Retired::now()]() mutable {
            for (const auto& one : before) // neither their memory beside this one's, nor two that make and end a context at once
                one->ended.wait(false);
            before.clear();
            run(*state, owner);
            state->ended = true;
            state->ended.notify_all();
        });
    m->wake.notify_all();
}

void VolumeRenderer::request(const RenderRequest& request)
{
    {
        const std::lock_guard lock(m->mutex);
        m->wanted = request;
    }
    m->wake.notify_all();
}

void VolumeRenderer::run(State& state, VolumeRenderer* owner)
{
    const std::stop_token stop = state.ending.get_token();
    try {
        Scene scene(stop);
        for (;;) {
            std::unique_lock lock(state.mutex);
            state.wake.wait(lock, [&] { return stop.stop_requested() || state.newVolume || (state.wanted && scene.filled()); });
            if (stop.stop_requested())
                return;
            if (state.newVolume) {
                const imaging::Volume volume = *std::exchange(state.newVolume, std::nullopt);
                const std::int64_t limit = scene.software() ? state.softwareLimit : state.hardwareLimit;
                lock.unlock();
                RenderVolume ready = renderVolume(volume, limit, stop);
                if (stop.stop_requested())
                    return;
                const auto f = ready.factors;
                scene.take(std::move(ready), volume.geometry());
                const QString badge = f == std::array<std::int64_t, 3>{1, 1, 1} ? QString() : tr("decimated %1 × %2 × %3").arg(f[0]).arg(f[1]).arg(f[2]);
                state.relay.post([owner, badge] { Q_EMIT owner->prepared(badge); }); // called while it lives
                continue;
            }
            const RenderRequest request = *std::exchange(state.wanted, std::nullopt);
            lock.unlock();
            state.relay.post([owner, picture = scene.draw(request), number = request.number] { Q_EMIT owner->rendered(picture, number); });
        }
    } catch (const std::exception& e) {
        // the border of the thread: the view shows the sentence, the slices go on
        log::warning("widgets.viewer", "3-D drawing stopped: {}", e.what());
        state.relay.post([owner, sentence = tr("3-D is not available: %1").arg(QString::fromUtf8(e.what()))] { Q_EMIT owner->failed(sentence); });
    }
}

} // namespace hilum::widgets
