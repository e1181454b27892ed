using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Dashboard;

/// <summary>Renders pages and sets their security headers.</summary>
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

    /// <summary>Allows resources and scripts of the dashboard only, and no framing.</summary>
    public static void AddProtection(HttpResponse response)
    {
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers[HeaderNames.XContentTypeOptions] = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
    }

    /// <summary>The only component: it passes the markup of a page function to the renderer.</summary>
    internal sealed class Host : ComponentBase
    {
        [Parameter, EditorRequired]
        public RenderFragment Content { get; set; } = default!;

        protected override void BuildRenderTree(Microsoft.AspNetCore.Components.Rendering.RenderTreeBuilder builder) =>
            builder.AddContent(0, Content);
    }
}
