using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Dashboard;

/// <summary>What every page is made with: who asks, when, and the token of its forms.</summary>
/// <param name="Who">As histories name them; <see langword="null"/> on the login page.</param>
/// <param name="HasLogin">Whether there is something to log out of.</param>
/// <param name="Now">Ages are reckoned from here.</param>
/// <param name="Form">See <see cref="SessionCookies.FormToken"/>.</param>
/// <param name="Path">Of the page, to mark it in the navigation.</param>
/// <param name="MayAct">Whether they may do more than look.</param>
internal sealed record PageContext(string? Who, bool HasLogin, DateTimeOffset Now, string Form, string Path, bool MayAct = false);

/// <summary>A page: markup that is rendered once, here, and sent. There is no connection and no state behind it.</summary>
/// <param name="Title">Of the document.</param>
/// <param name="Body">What stands in <c>main</c>.</param>
/// <param name="LiveSeconds">How often the browser reads it again; 0 for never.</param>
/// <param name="Status">Of the response.</param>
internal sealed record Page(string Title, RenderFragment Body, int LiveSeconds = 0, int Status = StatusCodes.Status200OK);

/// <summary>Renders pages and says what a browser may do with them.</summary>
internal sealed class PageWriter(IServiceProvider services, ILoggerFactory logs)
{
    public const string Policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'";

    public async Task WriteAsync(HttpResponse response, Page page, PageContext context)
    {
        var document = Pages.Layout.Document(page, context);
        await using var renderer = new HtmlRenderer(services, logs);
        var html = await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(Host.Content)] = document });
            return (await renderer.RenderComponentAsync<Host>(parameters)).ToHtmlString();
        });
        var bytes = Encoding.UTF8.GetBytes("<!doctype html>\n" + html);
        response.StatusCode = page.Status;
        response.ContentType = "text/html; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        AddProtection(response);
        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes, response.HttpContext.RequestAborted);
    }

    /// <summary>Nothing from elsewhere, no script but ours, in nobody's frame.</summary>
    public static void AddProtection(HttpResponse response)
    {
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers[HeaderNames.XContentTypeOptions] = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    /// <summary>The one component there is: pages are functions that give markup, and this hands it to the renderer.</summary>
    internal sealed class Host : ComponentBase
    {
        [Parameter, EditorRequired]
        public RenderFragment Content { get; set; } = default!;

        protected override void BuildRenderTree(Microsoft.AspNetCore.Components.Rendering.RenderTreeBuilder builder) =>
            builder.AddContent(0, Content);
    }
}
