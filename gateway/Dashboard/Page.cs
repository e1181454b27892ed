using Microsoft.AspNetCore.Components;

namespace DurableGateway.Dashboard;

/// <summary>A page: markup that is rendered once, here, and sent. There is no connection and no state behind it.</summary>
/// <param name="Title">Of the document.</param>
/// <param name="Body">What stands in <c>main</c>.</param>
/// <param name="LiveSeconds">How often the browser reads it again; 0 for never.</param>
/// <param name="Status">Of the response.</param>
internal sealed record Page(string Title, RenderFragment Body, int LiveSeconds = 0, int Status = StatusCodes.Status200OK);
