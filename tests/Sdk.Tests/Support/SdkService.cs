
namespace DurableGateway.Client.Tests.Support;

/// <summary>A service that uses the SDK, on real Kestrel.</summary>
internal sealed class SdkService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private SdkService(WebApplication app)
    {
        _app = app;
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    public string Url => _app.Urls.First();

    /// <summary>Calls the service directly.</summary>
    public HttpClient Client { get; }

    /// <param name="map">The service's endpoints.</param>
    /// <param name="fake">The receiver of its checkpoints; by default, the gateway that the attempt names.</param>
    /// <param name="configure">Adds services.</param>
    /// <param name="controllers">Whether the controllers of the tests are mapped.</param>
    public static async Task<SdkService> StartAsync(
        Action<WebApplication> map, HttpMessageHandler? fake = null, Action<IServiceCollection>? configure = null, bool controllers = true)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var client = builder.Services.AddDurableSteps(options => options.SuspendAfter = TimeSpan.FromMilliseconds(200));
        if (fake is not null) client.ConfigurePrimaryHttpMessageHandler(() => fake);
        if (controllers) builder.Services.AddControllers().AddApplicationPart(typeof(SdkService).Assembly);
        builder.Services.AddProblemDetails();
        configure?.Invoke(builder.Services);
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return new SdkService(app);
    }

    /// <summary>Sends an attempt, as a gateway does.</summary>
    public async Task<HttpResponseMessage> AttemptAsync(string path, Dictionary<string, string>? headers = null, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        foreach (var (name, value) in headers ?? FakeGateway.Headers()) request.Headers.TryAddWithoutValidation(name, value);
        return await Client.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}

internal static class Responses
{
    public static string? Header(this HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}
