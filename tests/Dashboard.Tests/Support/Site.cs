using DurableGateway.Admin;
using DurableGateway.Tests.Support;
using Microsoft.Playwright;

namespace DurableGateway.Dashboard.Tests.Support;

/// <summary>A real gateway with fake runs, and a browser.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly GatewayHost _gateway;
    private readonly IBrowserContext? _browser;

    private Site(GatewayHost gateway, FakeRunAdmin admin, IBrowserContext? browser, IPage? page)
    {
        (_gateway, Admin, _browser) = (gateway, admin, browser);
        PageOrNone = page;
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = gateway.Control };
    }

    public FakeRunAdmin Admin { get; }
    public GatewayHost Gateway => _gateway;
    public Uri Base => _gateway.Control;

    /// <summary>A client of the control listener without cookies and redirects.</summary>
    public HttpClient Client { get; }

    /// <summary>The errors in the console of the page: failed scripts and violations of the content security policy.</summary>
    public List<string> Errors { get; } = [];

    public IPage Page => PageOrNone ?? throw new InvalidOperationException("This site was opened without a browser.");

    private IPage? PageOrNone { get; }

    public static async Task<Site> OpenAsync(
        Browser? browser, int width = 1280, int height = 800, ColorScheme scheme = ColorScheme.Light, params string[] settings)
    {
        var context = browser is null ? null : await browser.OpenAsync(width, height, scheme);
        var admin = new FakeRunAdmin();
        var gateway = await GatewayHost.StartAsync("http://127.0.0.1:9",
            builder => builder.Services.AddSingleton<IRunAdmin>(admin), settings);
        var page = context is null ? null : await context.NewPageAsync();
        var site = new Site(gateway, admin, context, page);
        if (page is not null)
        {
            page.Console += (_, message) => site.Note(message.Type == "error", message.Text);
            page.PageError += (_, error) => site.Note(true, error);
        }

        await Eventually.TrueAsync(() => gateway.Services.GetRequiredService<SessionCookies>().IsReady, "the store has answered");
        return site;
    }

    public Task GoAsync(string path) => Page.GotoAsync(new Uri(Base, path).ToString());

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_browser is not null) await _browser.DisposeAsync();
        await _gateway.DisposeAsync();
    }

    private void Note(bool isError, string text)
    {
        if (isError) Errors.Add(text);
    }
}
